"""The pages say what is there: every key, every dataset, every program, every command, and no dead link."""

import importlib.util
import re
import sys
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from campaigns import FREEZE_IN, LEPTON, write

from hpc_nu import cli
from hpc_nu.campaign.errors import COMPLETE
from hpc_nu.campaign.input_keys import FORM_KEYS, FORMS, SECTIONS
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.row_layout import GROUPS
from hpc_nu.campaign.sampling import SCALES
from hpc_nu.models import MODELS, get_model
from hpc_nu.models.interface import Model, SolverSettings
from hpc_nu.result_codes import ResultCode
from hpc_nu.solver.evolution import Evolution
from hpc_nu.units import CONVERSIONS

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))

import write_inputs_page  # noqa: E402

MAIN, MODELS_PAGE = ROOT / "README.md", ROOT / "hpc_nu" / "models" / "README.md"
FAMILY_PAGES = sorted({ROOT / write_inputs_page.page_of(name) for name in MODELS} - {MODELS_PAGE})
PAGES = [MAIN, *(ROOT / folder / "README.md" for folder in ("inputs", "tools", "jobs")), MODELS_PAGE, *FAMILY_PAGES]


def test_the_main_page_is_read_to_the_end():
    assert len(MAIN.read_text().splitlines()) <= 140


def test_every_model_has_its_page():
    """The main page and the page of the models link that of its family, which says something of it."""
    assert len(FAMILY_PAGES) >= 2
    labels = dict(re.findall(r"^\[(\w+)\]: (.+)$", MAIN.read_text(), re.M))
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\[page\]\[(\w+)\] \|$", MAIN.read_text(), re.M))
    assert rows.keys() == MODELS.keys()
    for name in MODELS:
        page = write_inputs_page.page_of(name)
        assert labels[rows[name]] == page and re.search(rf"^#+ .*{name}|`{name}`", (ROOT / page).read_text(), re.M)
    linked = {(MODELS_PAGE.parent / link).resolve() for link in _links(MODELS_PAGE.read_text())}
    assert linked >= set(FAMILY_PAGES)


def test_nothing_of_a_family_is_printed_twice():
    """And nothing is left out: a declaration is in a table of its model, or of the family, which says who has it."""
    sections = re.split(r"^(?=## )", write_inputs_page.PAGE.read_text(), flags=re.M)
    families = write_inputs_page.families()
    assert sorted(name for names in families.values() for name in names) == sorted(MODELS)
    for title, names in families.items():
        (section,) = [text for text in sections if re.match(rf"## (Family|Model) `{title}`$", text, re.M)]
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        shared = section.partition("\n### ")[0] if len(names) > 1 else ""
        printed = [_without_models(row) if row in shared.splitlines() else row for row in rows]
        assert [row for row, times in Counter(printed).items() if times > 1] == []
        for name in names:
            own = section if len(names) == 1 else re.split(rf"^### Model `{name}`$", section, flags=re.M)[1]
            own = own.partition("\n### ")[0]
            model = get_model(name)
            for declared in (*model.parameters, *model.settings, *model.observables):
                label = rf"^\| `(?:\w+/)?{declared.name}` \|.*"
                of_family = re.findall(rf"{label}\| (?:all|.*`{name}`.*) \|$", shared, re.M)
                assert of_family or re.search(label, own, re.M), (name, declared.name)


def _without_models(row):
    """A row of a family's table, as it would be in that of a model."""
    return re.sub(r" \| [^|]*\|$", " |", row)


def _links(text):
    """Links within the repository, with what follows a # in them."""
    links = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r"^\[\w+\]: (.+)$", text, re.M)
    return [link for link in links if "://" not in link]


def _anchors(text):
    """What a # in a link to this page may be followed by."""
    heads = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_first_campaign_of_the_main_page_is_valid(tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", MAIN.read_text(), re.S)
    assert read_plan(write(tmp_path, text)).n_tasks == 2 * 20 * 16 * 2


def test_the_model_of_ones_own_on_the_page_of_the_models_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = MODELS_PAGE.read_text()
    for language, name in (("python", "decay.py"), ("yaml", "decays.yaml")):
        write(tmp_path, re.findall(rf"```{language}\n(.*?)```", page, re.S)[0], name)
        assert f"`{name}`" in page
    assert cli.main(["run", "decays.yaml", "-o", "decays.h5"]) == COMPLETE
    with h5py.File("decays.h5") as file:
        temperatures, ratio = file["trajectory/temperature"][:], file["results/Gamma_over_H"][:]
        expected = np.exp(-ratio[:, None] / 2 * (1e-3 / temperatures) ** 2)
        np.testing.assert_allclose(file["trajectory/left"][:], expected, rtol=1e-10)


def test_the_stiff_equations_on_the_page_of_the_models_are_solved(tmp_path):
    """A charge that modes of all rates share; what the class is compiled from must be a file."""
    page = MODELS_PAGE.read_text()
    text = re.findall(r"```python\n(.*?)\n\n\ndef solve", page[page.index("## Stiff equations") :], re.S)[0]
    head = "from typing import NamedTuple\nimport numpy as np\nfrom hpc_nu.solver.stepping import stiff\n"
    path = write(tmp_path, head + text, "shared_charge.py")
    spec = importlib.util.spec_from_file_location("shared_charge", path)
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    equations = module.Equations(np.array([1.0, 1e3, 1e6]), np.full(4, 1e-9))
    run = Evolution(equations, np.array([0.0, 1.0, 30.0]), SolverSettings(), np.array([1.0, 0.0, 0.0, 0.0]))
    assert run.run(lambda: False) == ResultCode.DONE
    np.testing.assert_allclose(run.records.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(run.records[-1], 0.25, rtol=1e-5)


def test_the_interface_is_on_the_page_of_the_models():
    """All that a model may have."""
    page = MODELS_PAGE.read_text()
    names = {name for name in vars(Model) if not name.startswith("_")}
    few = {"name", "source_hash", "outcome"}  # which the engine gives it, or asks
    assert {name for name in names - few if not re.search(rf"`{name}\b", page)} == set()


def test_the_page_of_inputs_is_what_the_program_accepts():
    expected = write_inputs_page.page().rstrip() + "\n"
    assert write_inputs_page.PAGE.read_text() == expected, "run python tools/write_inputs_page.py"


@pytest.mark.parametrize(
    "abbreviation",
    ["Fig. 2", "fig. 2", "Figs. 6-8", "sec. 6", "eq. (4.1)", "Eqs. (2), (3)", "Akhmedov et al. 1998", "5 ... 82",
     "5 .. 82", "arXiv:1910.04901", "i.e. 2", "e.g. `this`", "0.5 GeV"],
)  # fmt: skip
def test_a_first_sentence_ends_where_it_ends(abbreviation):
    """Not at the full stop of an abbreviation, of dots, of a number."""
    sentence = f"The folds, {abbreviation}, and {abbreviation} again"
    assert write_inputs_page.first_sentence(f"{sentence}.  Behind {abbreviation}.") == sentence
    assert write_inputs_page.first_sentence(f"{sentence}.") == write_inputs_page.first_sentence(sentence) == sentence


def test_no_text_of_the_page_ends_in_the_middle():
    """Brackets and quotes are closed in every cell, and the last word is one."""
    lines = write_inputs_page.PAGE.read_text().splitlines()
    cells = [line.split(" | ")[-1] for line in lines if line.startswith("| [") and ".yaml" in line]
    assert len(cells) > 30
    for cell in cells:
        text = cell.rstrip("| ")
        assert text.count("(") == text.count(")") and text.count('"') % 2 == 0, text
        assert not re.search(r"(\.|\bfigs?|\beqs?|\bsecs?|,|\band)$", text, re.IGNORECASE), text


def test_the_annotated_input_shows_every_form():
    """Every form and what goes with it, every scale, every unit's kind, and parameters that may be left out."""
    text = (ROOT / "inputs" / "annotated.yaml").read_text()
    given = yaml.safe_load(text)["parameters"]
    assert {key for entry in given.values() for key in entry} == FORMS.keys() | FORM_KEYS.keys()
    assert {entry["scale"] for entry in given.values() if "scale" in entry} == set(SCALES)
    model = get_model("lepton_asymmetry")
    assert {p.unit for p in model.parameters if p.name in given} == CONVERSIONS.keys() - {"1"}
    assert any(p.optional for p in model.parameters if p.name in given)
    assert SECTIONS.keys() == set(yaml.safe_load(text))


def test_what_a_file_of_the_users_is_like_is_on_the_page():
    page = write_inputs_page.PAGE.read_text()
    settings = {s.name: s for name in MODELS for s in get_model(name).settings if s.or_file}
    assert settings.keys() == write_inputs_page.USER_FILES.keys()
    for name, setting in settings.items():
        module = write_inputs_page.USER_FILES[name][0]
        assert module.__name__ in setting.description
        assert module.__doc__.splitlines()[0] in page and module.__doc__.strip().splitlines()[-1] in page


def test_the_main_page_lists_the_sources():
    text = (ROOT / "README.md").read_text()
    listed = text[text.index("## The source") :]
    package = [path for path in (ROOT / "hpc_nu").iterdir() if not path.name.startswith("__")]
    assert len(package) > 10
    assert [path.name for path in package if f"{path.name}{'/' * path.is_dir()}" not in listed] == []


def test_every_tool_has_its_line():
    page = (ROOT / "tools" / "README.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+\.(?:py|sh))`", row)}
    assert named == {path.name for path in (ROOT / "tools").iterdir() if path.suffix in (".py", ".sh")}


def test_every_dataset_and_attribute_of_a_results_file_is_explained(alone, tmp_path):
    page = (ROOT / "tools" / "README.md").read_text()
    explained = set(re.findall(r"`([\w/<>]+)`", page[: page.index("### Reading it")]))
    few = FREEZE_IN.replace("points: 200", "points: 2").replace("points: 50", "points: 2")
    names = set()
    for number, text in enumerate((LEPTON, few.replace("run:", "  momenta: {list: [1, 2]}\nrun:"))):
        output = tmp_path / f"{number}.h5"
        assert cli.main(["run", str(write(tmp_path, text)), "-o", str(output)]) == COMPLETE
        with h5py.File(output) as file:
            general = _general_names(get_model(file.attrs["model"]))
            visited = []
            file.visit(visited.append)
            names |= {general.get(name, name) for name in visited if isinstance(file[name], h5py.Dataset)}
            names |= set(file.attrs)
            assert set(file) <= {name.split("/")[0] for name in names}
    scales = {name for name in names if name.endswith("/task")}
    assert (names - scales) | {"points/task", "provenance"} <= explained
    assert {name for name in explained if "/" in name and "inputs" not in name} <= names


def _general_names(model):
    """What the page calls the datasets that a model declares."""
    names = {f"{GROUPS[o.kind]}/{o.name}": f"{GROUPS[o.kind]}/<observable>" for o in model.observables}
    for parameter in model.parameters:
        names[f"points/{parameter.name}"] = "points/<parameter>"
        names[f"points/{parameter.name}_offset"] = "points/<parameter>_offset"
    return names


def test_every_command_is_in_the_main_page(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    commands = re.findall(r"^    ([a-z]+) ", capsys.readouterr().out, re.M)
    page = (ROOT / "README.md").read_text()
    assert len(commands) >= 6 and [name for name in commands if f"hpc-nu {name}" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.parent.name + "/" + path.name)
def test_links_and_files_that_a_page_names_are_there(page):
    text = page.read_text()
    links = _links(text)
    files = re.findall(r"`((?:inputs|tools|hpc_nu|jobs|tests)/[\w/.]+\.(?:py|sh|yaml|md))`", text)
    missing = [name for name in files if not (ROOT / name).exists()]
    for link in links:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target.read_text())):
            missing.append(link)
    assert links and missing == []
    labels = set(re.findall(r"\]\[(\w+)\]", text))
    assert labels == set(re.findall(r"^\[(\w+)\]: ", text, re.M))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.parent.name + "/" + path.name)
def test_modules_and_names_that_a_page_names_are_there(page):
    for name in re.findall(r"`(hpc_nu(?:\.\w+)+)`", page.read_text()):
        module, found = name, None
        while found is None:
            try:
                found = importlib.import_module(module)
            except ModuleNotFoundError:
                module = module.rpartition(".")[0]
        for attribute in filter(None, name[len(module) :].split(".")):
            found = getattr(found, attribute)
