"""What the engine aims at on an H200, and whether a run of `gpu.py` comes to it."""

# Aims are of these sizes of the library.
LIBRARY, SMALL, LARGE = 200, 20, 10_000
REQUEST_MS, REFERENCE_TIMES, LIBRARY_RISE, SECOND, P99_MS, COPY_SHARE = 10, 20, 0.10, 500, 250, 0.60


def p50_ms(rows, name, functions=None):
    """Half of the times of a row at most; None where it was not measured."""
    for row in rows:
        if row["name"] == name and (functions is None or row.get("at", {}).get("count") == functions):
            return row["times"]["p50_us"] / 1e3 if row.get("times") else None
    return None


def busiest(rows):
    """The most requests a second among those whose p99 is within its aim; 0 where none is."""
    found = [row["times"] for row in rows if row["name"] == "requests" and row.get("times")]
    within = [times["per_second"] for times in found if times["p99_us"] <= P99_MS * 1e3]
    return max(within, default=0.0) if found else None


def share(rows, name):
    found = (row["figures"].get("floor_share") for row in rows if row["name"] == name)
    return next((value for value in found if value is not None), None)


def ratio(over, under):
    return over / under if over is not None and under else None


def judged(rows, theirs):
    """Measure, aim, what was measured and whether that is met; None is not measured."""
    whole = p50_ms(rows, "whole request", LIBRARY)
    reference = (theirs.get(LIBRARY) or {}).get("whole")
    times = ratio(reference, whole)
    grown = ratio(p50_ms(rows, "whole request", LARGE), p50_ms(rows, "whole request", SMALL))
    second, step = busiest(rows), share(rows, "value step, one slot")
    for measure, aim, value, text, is_met in (
        (f"whole request, {LIBRARY} functions, p50", f"<= {REQUEST_MS} ms", whole, "{:.2f} ms",
         lambda value: value <= REQUEST_MS),
        (f"times the reference, {LIBRARY} functions", f">= {REFERENCE_TIMES}", times, "{:.1f}",
         lambda value: value >= REFERENCE_TIMES),
        (f"{LARGE:,} functions over {SMALL}", f"<= {1 + LIBRARY_RISE:.2f}", grown, "{:.3f}",
         lambda value: value <= 1 + LIBRARY_RISE),
        (f"requests/s, p99 <= {P99_MS} ms", f">= {SECOND}", second, "{:.0f}",
         lambda value: value >= SECOND),
        ("step of the small model, share of the floor", f">= {COPY_SHARE:.0%}", step, "{:.0%}",
         lambda value: value >= COPY_SHARE),
    ):
        if value is None:
            yield measure, aim, "—", "not measured"
        else:
            yield measure, aim, text.format(value), "met" if is_met(value) else "missed"


def table(rows, theirs):
    """Lines of the verdicts."""
    yield f"  {'aims, of an H200':<48}{'aim':>12}{'measured':>12}   verdict"
    for measure, aim, measured, verdict in judged(rows, theirs):
        yield f"  {measure:<48}{aim:>12}{measured:>12}   {verdict}"
