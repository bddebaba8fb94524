"""The equation of state as an input of a model: a published one by name, or a file of the user's own."""

from hpc_nu.models.interface import Setting
from hpc_nu.plasma.thermodynamics import EQUATIONS_OF_STATE, check_user_equation_of_state
from hpc_nu.plasma.user_equation_of_state import user_equations_of_state


def equation_of_state_setting(description="of the bath"):
    """The setting `equation_of_state`."""
    text = f"{description}; published, or a file of yours (hpc_nu.plasma.user_equation_of_state)"
    return Setting("equation_of_state", "saikawa_shirai", text, tuple(EQUATIONS_OF_STATE), or_file=True)


def equation_of_state_tables(settings):
    """The file that the settings name, with its hash: as of `Model.tables`."""
    name = settings["equation_of_state"]
    return {} if name in EQUATIONS_OF_STATE else {name: user_equations_of_state[name].identity}


def equation_of_state_problems(settings, lowest, highest):
    """What is wrong with the file that the settings name, for temperatures `lowest` ... `highest` [GeV].

    Returns
    -------
    list of str
        A complete sentence for each problem; none for a published equation of state.
    """
    name = settings["equation_of_state"]
    if name in EQUATIONS_OF_STATE:
        return []
    try:
        check_user_equation_of_state(name, lowest, highest)
    except ValueError as error:
        return [str(error)]
    return []


def prepare_equation_of_state(variations, communicator):
    """Read the files once, for all ranks; arguments as of `Model.prepare`."""
    named = {settings["equation_of_state"] for settings in variations}
    user_equations_of_state.prepare(named - set(EQUATIONS_OF_STATE), communicator)
