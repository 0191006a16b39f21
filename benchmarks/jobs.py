"""What is measured, by which figure, and what dynkube promises of it as a ratio to the floor of the same run."""

from __future__ import annotations

from dataclasses import dataclass

#: The figure that says how many times as fast as one thread eight are.
SPEED_UP = "speed_up"
#: The figure that says how many times as much an object costs where there are ten times as many.
GROWTH = "growth"


@dataclass(frozen=True)
class Target:
    """A promise: the median of `figure` over the median of the floor's is at most `at_most`."""

    figure: str
    at_most: float


@dataclass(frozen=True)
class Job:
    """One row of the table."""

    name: str
    title: str
    figure: str
    targets: tuple[Target, ...] = ()
    #: Which address of the canned server it runs against (`benchmarks.server.KINDS`).
    server: str = "fast"
    #: Only dynkube and the floor have it.
    own: bool = False
    #: A client that does its cold start beside this one, to be compared with.
    rival: str = ""
    #: How often it runs in a round: what is over in a tenth of a second suffers most from noise, and is soon repeated.
    repeated: int = 1
    #: The job whose runs this row shows another figure of; "": it has runs of its own.
    of: str = ""

    @property
    def measured(self) -> str:
        """The name of the job that is run for this row."""
        return self.of or self.name

    @property
    def is_ratio(self) -> bool:
        """Whether the figure is one to compare with the floor's; a speed-up and a growth are comparisons already."""
        return self.figure not in (SPEED_UP, GROWTH)


#: A create takes at most this many times the floor's processor time, with one thread and with eight.
CREATE_CPU = 1.4

JOBS = (
    Job("get", "one get, warm, TLS: CPU", "cpu_ms", (Target("cpu_ms", 1.5),)),
    Job("list_pods", "list of 5,000 pods", "wall_ms", (Target("wall_ms", 1.05), Target("peak_mb", 1.0))),
    Job("iterate_pods", "5,000 pods, page by page", "wall_ms", (Target("wall_ms", 1.2),)),
    Job("watch_events", "5,000 watch events", "wall_ms", (Target("wall_ms", 1.15),)),
    Job(
        "informer_pods",
        "informer synced, 5,000 pods",
        "wall_ms",
        (Target("wall_ms", 1.3), Target("peak_mb", 1.0)),
        own=True,
    ),
    Job(
        "informer_config_maps",
        "informer synced, 50,000 config maps",
        "wall_ms",
        (Target("wall_ms", 1.3), Target("peak_mb", 1.0)),
        own=True,
    ),
    Job("informer_growth", "the same, one object of 50,000 over one of 5,000", GROWTH, own=True),
    Job("create_1", "create, 1 thread: CPU per object", "cpu_ms", (Target("cpu_ms", CREATE_CPU),)),
    Job("create_8", "create, 8 threads: CPU per object", "cpu_ms", (Target("cpu_ms", CREATE_CPU),)),
    Job("rate_8", "create, 8 threads over 1: rate", SPEED_UP, of="create_8"),
    Job("create_8_storing", "the same, the server storing for 2 ms", SPEED_UP, server="storing"),
    Job(
        "cold_start",
        "cold start: import, configuration, discovery, one get",
        "wall_ms",
        (Target("wall_ms", 1.5),),
        repeated=5,
    ),
    Job(
        "cold_start_with_disk_cache", "cold start with a disk cache", "wall_ms", own=True, rival="pykube-ng", repeated=5
    ),
    Job("import", "import", "wall_ms", (Target("wall_ms", 1.3),), repeated=5),
    Job("help", "the command's --help", "wall_ms", (Target("wall_ms", 1.5),), own=True, repeated=5),
    Job("list_pods_plain", "list over 100 Mbit/s, not compressed", "wall_ms", server="slow", own=True),
    Job("list_pods_gzip", "list over 100 Mbit/s, gzip", "wall_ms", server="slow", own=True),
)

#: An absolute promise of the issue: the process that pages through 5,000 pods stays under this many MB.
ITERATE_PEAK_MB = 90.0
#: Eight threads on two cores create at least this many times faster than one where a create takes its time. Where the
#: answer is there at once all do Python under one lock: the floor gains little, and nothing is promised.
CREATE_SPEED_UP = 1.5
#: An informer's object among 50,000 costs at most this many times what it costs among 5,000: flat, with room for caches
#: of the processor that the larger store does not fit in.
FLAT = 1.15
#: Over a slow link the default setting takes at most this many times as long as the best one, compressed or not.
GZIP_DEFAULT = 1.1
