"""Declarations of all analyses.

The command and its help, the sections of the report, the public names and the table in
`docs/analyses.md` are made from the entries of `ANALYSES`. A new analysis consists of a module with
its function and result, a figure of the same name in `plotting`, a test, and an entry here.
"""

from .declaration import Analysis, Option, Section

_COUNTS = 'run again with more trajectories, and record "counts"'
_EVENTS = 'run again with records "counts" and "events"'
_NO_BATH = "no channel of this model exchanges heat with a bath"
_AFTER_STEADY = Option("after", "start of the steady state, a stored time", "time", "TIME")
_WINDOWS_AFTER = Option("after", "start of all windows: 0 or a stored time", "time", "TIME", 0.0)
_TRUNCATE = Option(
    "truncate", "largest counts of the exact solution", "limits", "POOL=COUNT", None, many=True
)
_COUNTED_HELP = "events to count; with weights: NAME=-1"
_COUNTED = Option("counted", _COUNTED_HELP, "counted", "CHANNEL|BATH", positional=True, many=True)

ANALYSES = (
    Analysis(
        "audit",
        "Does the model obey detailed balance, and the first and the second law?",
        "detailed balance, first and second law of a model",
        "thermo.second_law.audit",
        "nothing",
        (Option("until", "last time of the rate equations", "time", "TIME", None),),
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
        "Do averages agree with the rate equations, or with the density matrix?",
        "averages compared with the rate equations, or with the density matrix",
        "analysis.averages.rate_equations",
        "counts, moments, variances or expect",
        sections=(
            Section(
                "Averages",
                "Do the averages over trajectories agree with the rate equations?",
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
        (_TRUNCATE,),
        sections=(
            Section(
                "Fluctuations",
                "Do the variances of the counts agree with linear noise, or with the master "
                "equation?",
                remedy=_COUNTS,
            ),
        ),
    ),
    Analysis(
        "typicality",
        "How typical are single trajectories?",
        "deviations of single trajectories from the rate equations",
        "analysis.fluctuations.typicality",
        "counts; events for the sign of the entropy production",
        (Option("epsilon", "print the fraction of trajectories within E", "positive", "E", None),),
        stores="stores of one or several sizes",
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
                settings={"signs": False},  # in the next section
                remedy='run again with record "counts"',
            ),
            Section(
                "Entropy of single trajectories",
                "How often does a single trajectory produce entropy of the sign opposite to the "
                "average's?",
                remedy=_EVENTS,
                function="production_signs",
            ),
        ),
    ),
    Analysis(
        "clausius",
        "How often does the entropy decrease, and does that become rare in larger systems?",
        "fraction of trajectories whose entropy decreases, for several sizes",
        "analysis.entropy.clausius",
        "events; counts where no event exchanges heat with a bath",
        (
            Option("after", "start of the window: 0 or a stored time", "time", "TIME", 0.0),
            Option("until", "end of the window: a stored time; default: the last", "time", "TIME",
                   None),
        ),
        stores="stores of one or two systems at several sizes",
        each="window_production",
        together="clausius",
        also={"window_production": "analysis.entropy.clausius"},
        sections=(
            Section(
                "Entropy of the whole run",
                "In how many trajectories does the entropy of the system decrease from start to "
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
                "boundary", "distribution from which the reversed process starts",
                default="start", choices=("start", "distribution", "none"),
            ),
            _TRUNCATE,
        ),
        sections=(
            Section(
                "Fluctuation theorem",
                "Does the entropy production Σ obey ⟨exp(-Σ)⟩ = 1 and P(Σ)/P(-Σ) = exp(Σ)?",
                settings={"max_states": 2_000},  # exact averages of larger systems take too long
                remedy=_EVENTS,
            ),
        ),
    ),
    Analysis(
        "counting",
        "How many events occur, and how much heat is exchanged?",
        "number of events, or heat, in time windows",
        "analysis.events.counting",
        "jumps",
        (_WINDOWS_AFTER, _COUNTED, _TRUNCATE),
        sections=(
            Section(
                "Heat",
                "How much heat does each bath receive in time windows, and how large is its "
                "variance?",
                given={"counted": "baths"},
                nothing=_NO_BATH,
                remedy='run again with more trajectories, and record "jumps"',
            ),
        ),
    ),
    Analysis(
        "correlations",
        "How long do fluctuations last?",
        "correlation functions, correlation times and spectra in the steady state",
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
                remedy="store later times, equally spaced, or choose another `after`",
            ),
        ),
    ),
    Analysis(
        "uncertainty",
        "How precise is a current, and what is the bound?",
        "uncertainty relations of a current in the steady state",
        "analysis.entropy.uncertainty",
        "jumps; events for the thermodynamic relation",
        (_AFTER_STEADY, _COUNTED, _TRUNCATE),
        sections=(
            Section(
                "Uncertainty",
                "How precise are the currents to the baths in the later half of the run, if it is "
                "stationary there, and what do the uncertainty relations allow?",
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
            Option("pool", "name of the pool", metavar="POOL", positional=True),
            Option("time", "a stored time", "time", "TIME", positional=True),
            _TRUNCATE,
        ),
    ),
    Analysis(
        "waiting_times",
        "How long until the next event?",
        "waiting times between events",
        "analysis.events.waiting_times",
        "events",
        (
            Option("following", "start a wait at every event of this channel",
                   metavar="CHANNEL", default=None),
            Option("after", "ignore earlier events", "time", "TIME", 0.0),
            Option("channels", "events that end a wait", metavar="CHANNEL", positional=True,
                   many=True),
            _TRUNCATE,
        ),
    ),
    Analysis(
        "first_passages",
        "How long until the counts fulfil a condition?",
        "first-passage times of the counts",
        "analysis.events.first_passages",
        "events",
        (
            Option("target", "such as 'm <= 10'; all must be true", metavar="CONDITION",
                   positional=True, many=True),
            _TRUNCATE,
        ),
    ),
    Analysis(
        "coincidences",
        "Are photons bunched or antibunched?",
        "g² of counted events in the steady state",
        "analysis.events.coincidences",
        "events",
        (
            Option("after", "start of the steady state", "time", "TIME", 0.0),
            Option("longest", "longest lag", "time", "TIME", None),
            Option("bins", "number of bins of the lag", "whole", "N", 10),
            Option("first", "earlier event of a pair", metavar="CHANNEL|BATH", positional=True),
            Option("second", "later event of a pair; default: the same", metavar="CHANNEL|BATH",
                   default=None, positional=True),
            _TRUNCATE,
        ),
    ),
    Analysis(
        "telegraph",
        "When is a single two-level system excited?",
        "states of single two-level systems in one trajectory",
        "analysis.events.telegraph",
        "events",
        (
            Option("row", "row of the trajectory in the store", "whole", "I", 0, least=0),
            Option("pool", "pool of two-level systems", metavar="POOL", default="m"),
        ),
    ),
    Analysis(
        "demon",
        "How many photons does a chiral loop sort, and how much does the entropy decrease?",
        "photons sorted by chiral loops in the steady state, and the entropy deficit",
        "analysis.entropy.demon",
        "counts",
        (_AFTER_STEADY,),
        stores="stores of one or several asymmetries",
        each="sorting",
        together="demon",
        also={"sorting": "analysis.entropy.demon"},
    ),
    Analysis(
        "level_thermodynamics",
        "Which particle, energy and entropy flows do quantum jumps transport?",
        "flows, entropy production and fluctuations along quantum jumps",
        "analysis.entropy.twolevel",
        "expect and jumps",
        (_WINDOWS_AFTER,),
    ),
    Analysis(
        "rabi_onset",
        "Does the emission time of the first photon show Rabi oscillation?",
        "Rabi oscillation in the emission time of the first photon",
        "analysis.events.rabi_onset",
        "events",
        stores="stores that differ in the coupling",
        each="run",
        together="rabi_onset",
    ),
)  # fmt: skip


def table() -> list[str]:
    """Lines of the table of all analyses in the documentation, as Markdown."""
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
