"""goss run --trace: a timeline of steps, dispatches and threads."""

import json
import os

from support import Suite, count_launches

suite = Suite(__doc__)
tiny = suite.path("tiny.goss")
suite.expect("compile", ["gossc", suite.model, "-o", tiny, "-q"])
RUN = ["goss", "run", tiny, "--weights", suite.model, "--tokens=1,2,3,4,5,6,7,8,9", "--ignore-eos", "--greedy", "-q"]
launch_count = count_launches(tiny)
suite.check("manifest", launch_count > 60, f"expects the launches of a model but got {launch_count}")


def read_trace(case, path):
    """Returns the complete events by track and the names of the tracks."""
    trace = json.load(open(path))
    suite.check(case, trace["otherData"]["dropped_steps"] == 0, "expects all steps")
    tracks, names = {}, {}
    for event in trace["traceEvents"]:
        if event["name"] == "thread_name":
            names[event["tid"]] = event["args"]["name"]
        if event["ph"] == "X":
            tracks.setdefault(event["tid"], []).append(event)
    process = [event["args"]["name"] for event in trace["traceEvents"] if event["name"] == "process_name"]
    suite.check(case, process == ["goss " + tiny], f"expects the process's name but got {process}")
    suite.check(case, set(tracks) <= set(names), "expects a name for every track")
    return tracks, names


def end(event):
    return event["ts"] + event["dur"]


def check_trace(case, path, threads, prompt_steps, decode_steps):
    tracks, names = read_trace(case, path)
    numbers = {name: tid for tid, name in names.items()}
    wanted = {"steps", "dispatches"} | {f"worker {i}" for i in range(threads)}
    suite.check(case, set(numbers) == wanted, f"expects {sorted(wanted)} but got {sorted(numbers)}")
    # Within a track nothing overlaps: times are rounded to a nanosecond.
    for tid, events in tracks.items():
        for a, b in zip(events, events[1:]):
            if not suite.check(case, end(a) <= b["ts"] + 0.002, f"expects no overlap in {names[tid]} but got {a} and {b}"):
                break
    steps = tracks[numbers["steps"]]
    suite.check(case, len(steps) == prompt_steps + decode_steps, f"expects {prompt_steps + decode_steps} steps but got {len(steps)}")
    depth = 0
    for i, step in enumerate(steps):
        args = step["args"]
        suite.check(case, args["step"] == i and args["sequences"] == 1 and args["depth"] == depth, f"expects step {i} at depth {depth} but got {args}")
        depth += args["tokens"]
    suite.check(case, depth == 9 + decode_steps, f"expects {9 + decode_steps} tokens but got {depth}")
    # Each launch of the model occurs in each step once, within the step.
    launches = {i: {} for i in range(len(steps))}
    for event in tracks[numbers["dispatches"]]:
        args = event["args"]
        step = steps[args["step"]]
        suite.check(case, step["ts"] <= event["ts"] + 0.002 and end(event) <= end(step) + 0.002, f"expects {event} within its step")
        for launch, kernel, items in zip(args["launches"], args["kernels"], args["items"]):
            suite.check(case, launch not in launches[args["step"]], f"expects launch {launch} once")
            launches[args["step"]][launch] = (kernel, items, event)
    for step, found in launches.items():
        suite.check(case, sorted(found) == list(range(launch_count)), f"expects all {launch_count} launches in step {step}")
    # What the threads did is all items of each launch, each once, in its time.
    pieces = {}
    for i in range(threads):
        for event in tracks.get(numbers[f"worker {i}"], []):
            args = event["args"]
            kernel, _, dispatch = launches[args["step"]][args["launch"]]
            suite.check(case, args["kernel"] == kernel, f"expects kernel {kernel} but got {args}")
            suite.check(case, dispatch["ts"] <= event["ts"] + 0.002 and end(event) <= end(dispatch) + 0.002, f"expects {event} within {dispatch}")
            pieces.setdefault((args["step"], args["launch"]), []).append((args["begin"], args["end"]))
    for step, found in launches.items():
        for launch, (_, items, _) in found.items():
            place = 0
            for begin, stop in sorted(pieces.get((step, launch), [])):
                suite.check(case, begin == place and stop > begin, f"expects items from {place} of launch {launch} but got {begin} to {stop}")
                place = stop
            suite.check(case, place == max(items, 0), f"expects {items} items of launch {launch} in step {step} but got {place}")


for threads in (1, 2, 3):
    case = f"{threads} threads"
    path = suite.path(f"trace{threads}.json")
    suite.expect(case, RUN + ["-n", "6", "-t", threads, "--trace", path])
    check_trace(case, path, threads, prompt_steps=1, decode_steps=5)
path = suite.path("chunks.json")
suite.expect("chunks", RUN + ["-n", "2", "-t", "2", "--prefill-chunk=4", "--trace", path])
check_trace("chunks", path, 2, prompt_steps=3, decode_steps=1)

# What is traced stays the same, and a trace may be replaced.
plain = suite.expect("plain", RUN + ["-n", "6"]).stdout
suite.check("same text", suite.expect("again", RUN + ["-n", "6", "--trace", path]).stdout == plain, "expects the same text with a trace")
result = suite.expect("note", [part for part in RUN if part != "-q"] + ["-n", "6", "--trace", path], 0, "6 steps")

# Wrong places are found before anything is computed.
suite.expect("no folder", RUN + ["-n", "1", "--trace", suite.path("none", "trace.json")], 66, "none/trace.json")
suite.expect("folder", RUN + ["-n", "1", "--trace", suite.scratch], 64, suite.scratch)
suite.expect("no value", RUN + ["-n", "1", "--trace"], 64, "--trace")
os.makedirs(suite.path("empty"))
suite.expect("refused run", ["goss", "run", tiny, "--weights", suite.model, "--tokens=999999", "--trace", suite.path("empty", "t.json")], 65)
suite.leaves_nothing("refused run", suite.path("empty"))

suite.finish()
