#!/usr/bin/env python3
"""Libraries for nearest neighbours on the vectors that `hyfunc eval index --vectors` wrote.

Every library is measured in a process of its own, with one thread: build time, by how much the process
grew, and recall against the exact answer over its search settings. Graphs get all requests in one call,
so that Python's share is not counted against them; a scan gets them one by one, since many at once are
a multiplication of matrices, which no single request gets. What counts is the time at equal recall.
`index.sh` runs everything.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

# As hyfunc links its graph: links a point in upper layers (twice that in the lowest), and points that
# are looked at while one is linked.
LINKS = 24
LINK_CANDIDATES = 200

# Points that are looked at in a search.
CANDIDATES = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024]

# Room for two ways of summing one product.
TOLERANCE = 1e-5

# A setting is measured for so long at least, and all requests once at least.
SECONDS_MIN = 1.0


def resident_bytes():
    """Memory of this process that is in use now."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


class FaissFlat:
    """faiss, every vector scored."""

    candidates = [None]

    def __init__(self, dims, count):
        import faiss

        faiss.omp_set_num_threads(1)
        self.version = faiss.__version__
        self.index = faiss.IndexFlatIP(dims)

    def build(self, vectors):
        self.index.add(vectors)

    def set(self, candidates):
        pass

    def search(self, queries, k):
        return np.concatenate([self.index.search(query, k)[1] for query in queries[:, None]])


class FaissHnsw(FaissFlat):
    """faiss, a graph."""

    candidates = CANDIDATES

    def __init__(self, dims, count):
        import faiss

        super().__init__(dims, count)
        self.index = faiss.IndexHNSWFlat(dims, LINKS, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = LINK_CANDIDATES

    def set(self, candidates):
        self.index.hnsw.efSearch = candidates

    def search(self, queries, k):
        return self.index.search(queries, k)[1]


class Hnswlib:
    """hnswlib, a graph."""

    candidates = CANDIDATES

    def __init__(self, dims, count):
        from importlib.metadata import version

        import hnswlib

        self.version = version("hnswlib")
        self.index = hnswlib.Index(space="ip", dim=dims)
        self.index.init_index(max_elements=count, M=LINKS, ef_construction=LINK_CANDIDATES)
        self.index.set_num_threads(1)

    def build(self, vectors):
        self.index.add_items(vectors, num_threads=1)

    def set(self, candidates):
        self.index.set_ef(candidates)

    def search(self, queries, k):
        return self.index.knn_query(queries, k=k, num_threads=1)[0]


class Usearch:
    """usearch, a graph."""

    candidates = CANDIDATES

    def __init__(self, dims, count):
        import usearch
        from usearch.index import Index

        self.version = usearch.__version__
        self.index = Index(
            ndim=dims,
            metric="ip",
            dtype="f32",
            connectivity=LINKS,
            expansion_add=LINK_CANDIDATES,
        )

    def build(self, vectors):
        self.index.add(np.arange(len(vectors)), vectors, threads=1)

    def set(self, candidates):
        self.index.expansion_search = candidates

    def search(self, queries, k):
        return self.index.search(queries, k, threads=1).keys


LIBRARIES = {
    "faiss, scan": FaissFlat,
    "faiss, graph": FaissHnsw,
    "hnswlib": Hnswlib,
    "usearch": Usearch,
}


def worst_scores(functions, queries, k):
    """The score of the k-th best function of each request: whatever reaches it is right."""
    worst = []
    for part in np.array_split(queries, max(1, len(queries) // 64)):
        scores = part @ functions.T
        worst.append(np.partition(scores, -k, axis=1)[:, -k])
    return np.concatenate(worst)


def measure(name, folder, k):
    """One library, in this process."""
    functions = np.load(os.path.join(folder, "functions.npy"))
    queries = np.load(os.path.join(folder, "queries.npy"))
    k = min(k, len(functions))
    worst = worst_scores(functions, queries, k)
    library = LIBRARIES[name](functions.shape[1], len(functions))
    before = resident_bytes()
    began = time.perf_counter()
    library.build(functions)
    build_s = time.perf_counter() - began
    grown = resident_bytes() - before
    searches = []
    for candidates in library.candidates:
        if candidates is not None and candidates < k:
            continue
        library.set(candidates)
        right = 0
        # The first search, which warms up, is the one whose answers are judged.
        for query, found, least in zip(queries, library.search(queries, k), worst):
            # A graph that finds too few may say so by an id that nobody has.
            ids = {int(one) for one in found if 0 <= int(one) < len(functions)}
            right += sum(int(functions[one] @ query >= least - TOLERANCE) for one in ids)
        took, passes = 0.0, 0
        while passes == 0 or took < SECONDS_MIN:
            began = time.perf_counter()
            library.search(queries, k)
            took += time.perf_counter() - began
            passes += 1
        searches.append(
            {
                "candidates": candidates,
                "recall": right / (k * len(queries)),
                "mean_us": took * 1e6 / (passes * len(queries)),
            }
        )
    return {
        "name": name,
        "version": library.version,
        "build_s": build_s,
        "resident_bytes": grown,
        "searches": searches,
    }


def ours(report):
    """hyfunc's own figures in the same form."""
    scan, graph = report["scan"], report["graph"]
    return [
        {
            "name": "hyfunc, scan",
            "build_s": scan["build_ms"] / 1e3,
            "resident_bytes": scan["resident_bytes"] or 0,
            "searches": [{"candidates": None, "recall": 1.0, "mean_us": scan["search_us"]["mean"]}],
        },
        {
            "name": "hyfunc, graph",
            "build_s": graph["build_ms"] / 1e3,
            # An index keeps the scan's rows besides the graph, which has its own.
            "resident_bytes": (graph["resident_bytes"] or 0) + (scan["resident_bytes"] or 0),
            "searches": [
                {
                    "candidates": one["candidates"],
                    "recall": one["recall"],
                    "mean_us": one["search_us"]["mean"],
                }
                for one in graph["searches"]
            ],
        },
    ]


def quickest(library, target):
    """The quickest setting that reaches the recall."""
    enough = [one for one in library["searches"] if one["recall"] >= target]
    return min(enough, key=lambda one: one["mean_us"], default=None)


def table(libraries, target, k):
    """What each library takes for one recall, as lines of text."""
    best = {library["name"]: quickest(library, target) for library in libraries}
    times = [one["mean_us"] for one in best.values() if one]
    lines = [f"recall@{k} of at least {target:.3f}"]
    head = ("", "candidates", "recall", "a request", "beside the best", "built in", "memory")
    rows = [head]
    for library in libraries:
        one = best[library["name"]]
        built = f"{library['build_s']:.1f} s"
        memory = f"{library['resident_bytes'] / 1e6:.0f} MB"
        if one is None:
            rows.append((library["name"], "-", "not reached", "-", "-", built, memory))
            continue
        rows.append(
            (
                library["name"],
                str(one["candidates"] or "all"),
                f"{one['recall']:.4f}",
                f"{one['mean_us']:.1f} µs",
                f"{one['mean_us'] / min(times):.2f} times",
                built,
                memory,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines)


def machine():
    """The processor and how busy it is."""
    cpu = "an unnamed processor"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    return f"{cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vectors", required=True, metavar="DIR", help="functions.npy, queries.npy")
    parser.add_argument("--ours", metavar="FILE", help="what `hyfunc eval index --json` printed")
    parser.add_argument("--recall", default="0.95,0.99,0.999", metavar="R,R", help="a table each")
    parser.add_argument("--k", type=int, default=10, help="functions looked for (default: 10)")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured besides")
    parser.add_argument("--one", choices=sorted(LIBRARIES), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one, args.vectors, args.k)))
        return
    libraries = []
    if args.ours:
        with open(args.ours) as report:
            report = json.load(report)
        if report["k"] != args.k:
            sys.exit(f"hyfunc looked for {report['k']} functions, not for {args.k}: say --k {report['k']}")
        libraries += ours(report)
    for name in LIBRARIES:
        print(f"measuring {name}", file=sys.stderr)
        child = [sys.executable, os.path.abspath(__file__), "--vectors", args.vectors]
        child += ["--k", str(args.k), "--one", name]
        done = subprocess.run(child, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{name} ended with {done.returncode}; its message is above")
        libraries.append(json.loads(done.stdout.splitlines()[-1]))
    functions = np.load(os.path.join(args.vectors, "functions.npy"), mmap_mode="r").shape
    queries = len(np.load(os.path.join(args.vectors, "queries.npy"), mmap_mode="r"))
    print(machine())
    versions = [f"{one['name']} {one['version']}" for one in libraries if "version" in one]
    print(", ".join(versions))
    print(f"{functions[0]} functions, {functions[1]} numbers a vector, {queries} requests, one thread")
    for target in args.recall.split(","):
        print()
        print(table(libraries, float(target), args.k))
    if args.json:
        with open(args.json, "w") as out:
            json.dump({"machine": machine(), "libraries": libraries}, out, indent=1)
            out.write("\n")


if __name__ == "__main__":
    main()
