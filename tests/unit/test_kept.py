"""What is kept is found again exactly for the settings that it was made of."""

import pytest

from hpc_nu.models.kept import kept

FULL = {"kind": "full", "mass": 2.0, "factor": 3.0, "unused": 1}


@pytest.fixture
def made():
    """Functions of which the outer one calls the inner one, and what was made."""
    calls = []

    @kept(2)
    def inner(settings, grid):
        calls.append(("inner", grid))
        return settings["mass"] * grid

    @kept(3)
    def outer(settings, grid):
        calls.append(("outer", grid))
        if settings["kind"] == "simple":
            return 1.0
        return inner(settings, grid) * settings["factor"]

    return outer, inner, calls


def test_only_what_was_read_matters(made):
    outer, _, calls = made
    assert outer(FULL, 5) == 30.0 and outer(FULL | {"unused": 2}, 5) == 30.0 and len(calls) == 2
    assert outer(FULL | {"factor": 4.0}, 5) == 40.0
    assert calls == [("outer", 5), ("inner", 5), ("outer", 5)], "the inner one has not read the factor"


def test_what_an_inner_one_has_read_the_outer_one_has_too(made):
    """Also where the inner one was kept already."""
    outer, inner, _ = made
    assert inner(FULL, 5) == 10.0
    assert outer(FULL, 5) == 30.0
    assert outer(FULL | {"mass": 3.0}, 5) == 45.0


def test_another_way_through_the_function_has_other_settings(made):
    outer, _, calls = made
    simple = {"kind": "simple"}
    assert outer(simple, 5) == 1.0 and outer(FULL, 5) == 30.0 and outer(simple, 5) == 1.0 and outer(FULL, 5) == 30.0
    assert len(calls) == 3


def test_the_oldest_go(made):
    _, inner, calls = made
    for grid in (1, 2, 1, 3, 1, 2):
        inner(FULL, grid)
    assert [grid for _, grid in calls] == [1, 2, 3, 2]
    inner.cache_clear()
    inner(FULL, 2)
    assert len(calls) == 5


def test_a_setting_that_another_model_does_not_have_is_none_of_the_values(made):
    @kept(4)
    def table(settings):
        return settings.get("rates", "thermal")

    assert table(FULL) == "thermal" and table(FULL | {"rates": "simple"}) == "simple" and table(FULL) == "thermal"


def test_to_go_through_all_settings_is_to_read_all():
    calls = []

    @kept(4)
    def table(settings):
        calls.append(dict(settings))
        return len(calls)

    assert table(FULL) == 1 and table(FULL) == 1 and table(FULL | {"unused": 2}) == 2
