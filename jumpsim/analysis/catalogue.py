"""Every analysis, declared once.

Command and help, section of the report, public name and the table in `docs/analyses.md` follow from
an entry of `ANALYSES`. A new analysis is a file with its function and result, a figure of the same
name in `plotting`, a test, and an entry here.
"""

from .declaration import Analysis, Option, Section

_COUNTS = 'run again with more trajectories, and record "counts"'
_EVENTS = 'run again with records "counts" and "events"'
_NO_BATH = "no channel of this model exchanges heat with a bath"
_AFTER_STEADY = Option("after", "where the steady state begins", "time", "TIME")
_WINDOWS_AFTER = Option("after", "where windows begin", "time", "TIME", 0.0)
_SIGNS = "several with weights: NAME=-1"
_COUNTED = Option("counted", _SIGNS, "counted", "CHANNEL|BATH", positional=True, many=True)

ANALYSES = (
    Analysis(
        "audit",
        "Does the model obey detailed balance, and the first and the second law?",
        "detailed balance, first and second law of a model",
        "thermo.second_law.audit",
        "nothing",
        (Option("until", "follow the rate equations to here", "time", "TIME", None),),
        each="audit_run",
        also={"audit_run": "analysis.audit"},
        figure=False,
        of_model=True,
        sections=(
            Section(
                "Second law",
                "Do the model's events obey detailed balance, and does the entropy production from "
                "this start ever fall below zero?",
            ),
        ),
    ),
    Analysis(
        "compare",
        "Do averages follow the rate equations, or the density matrix?",
        "averages against the rate equations, or the density matrix",
        "analysis.averages.rate_equations",
        "counts, moments or expect",
        sections=(
            Section(
                "Averages",
                "Do the averages over trajectories follow the rate equations?",
                remedy=_COUNTS,
            ),
        ),
    ),
    Analysis(
        "fluctuations",
        "How strongly do counts fluctuate?",
        "variances and higher cumulants",
        "analysis.fluctuations.cumulants",
        "counts",
        sections=(
            Section(
                "Fluctuations",
                "Do the counts vary as linear noise, or the master equation, predicts?",
                remedy=_COUNTS,
            ),
        ),
    ),
    Analysis(
        "typicality",
        "How typical are single trajectories?",
        "how typical single trajectories are",
        "analysis.fluctuations.typicality",
        "counts; events for signs of the entropy production",
        (Option("epsilon", "fraction within E", "positive", "E", None),),
        stores="of one or several sizes",
        together="typicality_study",
        also={
            "typicality_scaling": "analysis.fluctuations.typicality",
            "typicality_study": "analysis.fluctuations.typicality_study",
            "gaussian_tail": "analysis.fluctuations.gaussian_tail",
            "production_signs": "analysis.entropy.production_signs",
            "signs_scaling": "analysis.entropy.production_signs",
        },
        sections=(
            Section(
                "Typicality",
                "How far do single trajectories deviate from the rate equations?",
                settings={"signs": False},  # they have a section of their own
                remedy='run again with record "counts"',
            ),
            Section(
                "Entropy of single trajectories",
                "How often does a single trajectory produce entropy of the other sign than the "
                "average?",
                remedy=_EVENTS,
                function="production_signs",
            ),
        ),
    ),
    Analysis(
        "clausius",
        "How often does entropy fall, and does that die out with size?",
        "how often entropy falls, for systems of several sizes",
        "analysis.entropy.clausius",
        "events; counts where no event exchanges heat with a bath",
        (
            Option("after", "where the window begins: 0 or a stored time", "time", "TIME", 0.0),
            Option("until", "where it ends: a stored time, the last by default", "time", "TIME",
                   None),
        ),
        stores="of one or two systems at several sizes",
        each="window_production",
        together="clausius",
        also={"window_production": "analysis.entropy.clausius"},
        sections=(
            Section(
                "Entropy of the whole run",
                "In how many trajectories does the entropy within the system fall from start to "
                "end?",
                remedy=_EVENTS,
            ),
        ),
    ),
    Analysis(
        "fluctuation_theorem",
        "Do heat and entropy obey the fluctuation theorems?",
        "fluctuation theorems of the entropy production",
        "analysis.entropy.fluctuation_theorem",
        "counts and events",
        (
            Option(
                "boundary", "distribution from which the reversed process begins",
                default="start", choices=("start", "law", "none"),
            ),
        ),
        sections=(
            Section(
                "Fluctuation theorem",
                "Is ⟨exp(-Σ)⟩ = 1, and P(Σ)/P(-Σ) = exp(Σ), of the entropy production Σ?",
                settings={"max_states": 2_000},  # up to which a page waits for exact averages
                remedy=_EVENTS,
            ),
        ),
    ),
    Analysis(
        "counting",
        "How many events, how much heat?",
        "events or heat in windows of time",
        "analysis.events.counting",
        "jumps",
        (_WINDOWS_AFTER, _COUNTED),
        sections=(
            Section(
                "Heat",
                "How much heat does each bath receive in windows of time, and how does it vary?",
                given={"counted": "baths"},
                nothing=_NO_BATH,
                remedy='run again with more trajectories, and record "jumps"',
            ),
        ),
    ),
    Analysis(
        "correlations",
        "How long do fluctuations last?",
        "correlations in time of a stationary run, and spectra",
        "analysis.fluctuations.correlations",
        "counts at equally spaced times",
        (_AFTER_STEADY,),
        sections=(
            Section(
                "Correlations",
                "How long do fluctuations last in the later half of the run, if it is stationary "
                "there?",
                given={"after": "later half"},
                steady=True,
                remedy="store later times, equally spaced, or give another time to begin at",
            ),
        ),
    ),
    Analysis(
        "uncertainty",
        "How precise can a current be?",
        "uncertainty relations of a stationary current",
        "analysis.entropy.uncertainty",
        "jumps; events for the thermodynamic relation",
        (_AFTER_STEADY, _COUNTED),
        sections=(
            Section(
                "Uncertainty",
                "How precise are the currents to the baths in the later half of the run, if it is "
                "stationary there, and how precise may they be?",
                given={"after": "later half", "counted": "baths"},
                steady=True,
                nothing=_NO_BATH,
                remedy='store later times, and record "jumps"',
            ),
        ),
    ),
    Analysis(
        "distribution",
        "How are counts distributed?",
        "histogram of a count at one time",
        "analysis.fluctuations.distribution",
        "counts",
        (
            Option("pool", "whose count", metavar="POOL", positional=True),
            Option("time", "one of those stored", "time", "TIME", positional=True),
        ),
    ),
    Analysis(
        "waiting_times",
        "How long until the next event?",
        "waiting times between events",
        "analysis.events.waiting_times",
        "events",
        (
            Option("following", "wait from every event of this channel", metavar="CHANNEL",
                   default=None),
            Option("after", "leave out events before", "time", "TIME", 0.0),
            Option("channels", "what is waited for", metavar="CHANNEL", positional=True, many=True),
        ),
    ),
    Analysis(
        "first_passages",
        "How long until the counts meet a condition?",
        "first passages of the counts",
        "analysis.events.first_passages",
        "events",
        (
            Option("target", "such as 'm <= 10'; all must be met", metavar="CONDITION",
                   positional=True, many=True),
        ),
    ),
    Analysis(
        "coincidences",
        "Do photons come in bunches?",
        "g² of counted events in the steady state",
        "analysis.events.coincidences",
        "events",
        (
            Option("after", "where the steady state begins", "time", "TIME", 0.0),
            Option("longest", "longest lag", "time", "TIME", None),
            Option("bins", "number of bins of the lag", "whole", "N", 10),
            Option("first", "the earlier events", metavar="CHANNEL|BATH", positional=True),
            Option("second", "the later events; the same if left out", metavar="CHANNEL|BATH",
                   default=None, positional=True),
        ),
    ),
    Analysis(
        "telegraph",
        "What does a single two-level system do?",
        "single two-level systems of a trajectory",
        "analysis.events.telegraph",
        "events",
        (
            Option("row", "which trajectory", "whole", "I", 0, least=0),
            Option("pool", "of two-level systems", metavar="POOL", default="m"),
        ),
    ),
    Analysis(
        "demon",
        "What does a chiral loop sort, and at what entropy?",
        "what chiral loops sort in the steady state, and at what entropy",
        "analysis.entropy.demon",
        "counts",
        (_AFTER_STEADY,),
        stores="of one or several asymmetries",
        each="sorting",
        together="demon",
        also={"sorting": "analysis.entropy.demon"},
    ),
    Analysis(
        "level_thermodynamics",
        "Which flows and which entropy do quantum jumps carry?",
        "flows, entropy and fluctuations along quantum jumps",
        "analysis.entropy.twolevel",
        "expect and jumps",
        (_WINDOWS_AFTER,),
    ),
    Analysis(
        "rabi_onset",
        "Does the emission of the first photon show Rabi oscillation?",
        "Rabi oscillation in when the first photon leaves",
        "analysis.events.rabi_onset",
        "events",
        stores="that differ in the coupling",
        each="run",
        together="rabi_onset",
    ),
)  # fmt: skip


def table() -> list[str]:
    """Lines of the table of all analyses in the documentation."""
    rows = [
        (a.question, f"`{_usage(a)}`", ", ".join(f"`js.{name}`" for name in a.public), a.needs)
        for a in ANALYSES
    ]
    head = ("question", "command", "Python", "records")
    lines = [head, ("---",) * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _usage(analysis: Analysis) -> str:
    store = "SPEC.toml|OUT.h5" if analysis.of_model else "OUT.h5"
    words = ["jumpsim", analysis.name, store, *(["..."] if analysis.stores else [])]
    options = sorted(analysis.options, key=lambda option: not option.positional)
    return " ".join([*words, *(option.usage for option in options)])
