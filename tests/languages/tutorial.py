"""Follows the tutorial of plugins/README.md to the letter, in a fresh folder, as a newcomer would.

    tutorial.py HYFUNC README FOLDER

Blocks of `sh` are run; a block of another language replaces the file that the text before it names;
a block of `text` is what the last command must have said, line by line, `…` standing for anything.
A block of `console` is for people alone: it needs a registry, and tests/registry has one.
The servers' addresses alone differ: free ports in place of those that the text has.
"""

import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

SECTION = "## Your first plugin"
ADDRESS = "127.0.0.1:8080"
ADMIN = "127.0.0.1:8081"
READY_S_MAX = 120
COMMAND_S_MAX = 1800

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def section(readme):
    text = readme[readme.index(SECTION) + len(SECTION) :]
    return text[: text.index("\n## ")]


def blocks(text):
    """Language, text, and what stands between it and the block before."""
    end = 0
    for found in BLOCK.finditer(text):
        yield found[1], found[2], text[end : found.start()]
        end = found.end()


def pattern(line):
    return ".*".join(re.escape(part) for part in line.strip().split("…"))


def is_ready(address):
    try:
        return urllib.request.urlopen(f"http://{address}/readyz", timeout=30).status == 200
    except OSError:
        return False


class Newcomer:
    """Somebody with a terminal, a folder and the tutorial."""

    def __init__(self, binary, folder):
        self.folder = folder
        self.server = None
        # The text calls it `hyfunc`.
        tools = folder / "bin"
        tools.mkdir(parents=True)
        (tools / "hyfunc").symlink_to(binary)
        self.environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}", "NO_COLOR": "1"}
        self.address, self.admin = ADDRESS, ADMIN
        self.log = folder / "server.log"

    def run(self, script):
        """What the commands of a block print."""
        print(f"$ {script.strip()}", flush=True)
        if script.startswith("hyfunc serve"):
            return self.serve(script)
        # Where the shell ends up is where the next block goes on.
        script = script.replace(ADDRESS, self.address).replace(ADMIN, self.admin)
        script = f"set -e\n{script}\npwd >&3"
        reading, writing = os.pipe()
        ran = subprocess.run(
            ["bash", "-c", f"exec 3>&{writing}\n{script}"],
            cwd=self.folder,
            env=self.environment,
            pass_fds=[writing],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_S_MAX,
            check=False,
        )
        os.close(writing)
        with open(reading, encoding="utf-8") as place:
            ended_in = place.read().strip()
        print(ran.stdout, flush=True)
        if ran.returncode != 0:
            raise SystemExit(f"FAILED with {ran.returncode}")
        self.folder = Path(ended_in)
        return ran.stdout

    def serve(self, script):
        self.leave()
        # It takes free ports, and says which.
        command = f"exec {script.strip().replace(ADMIN, '127.0.0.1:0')} --address 127.0.0.1:0"
        with self.log.open("wb") as log:
            self.server = subprocess.Popen(
                ["bash", "-c", command], cwd=self.folder, env=self.environment, stderr=log
            )
        until = time.monotonic() + READY_S_MAX
        while True:
            said = self.log.read_text(encoding="utf-8")
            found = re.search(r"listens on http://(\S+): open", said)
            admin = re.search(r"are published to http://(\S+) ", said)
            is_whole = found and (admin or ADMIN not in script)
            if is_whole and is_ready(found[1]):
                self.address = found[1]
                self.admin = admin[1] if admin else ADMIN
                return ""
            if self.server.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"FAILED: the server was not ready\n{said}")
            time.sleep(0.2)

    def leave(self):
        if self.server is not None:
            self.server.terminate()
            self.server.wait(timeout=60)
            self.server = None


def follow(newcomer, text):
    """How many blocks were followed, by language."""
    followed, said = {}, ""
    for language, block, before in blocks(text):
        followed[language] = followed.get(language, 0) + 1
        if language == "sh":
            said = newcomer.run(block)
        elif language == "text":
            for line in block.splitlines():
                if not re.search(pattern(line), said):
                    raise SystemExit(f"FAILED: the tutorial promises\n{line}\nand it says\n{said}")
        elif language != "console":
            path = re.findall(r"`([\w./]+)`", before)[-1]
            (newcomer.folder / path).write_text(block, encoding="utf-8")
    return followed


def main():
    binary, readme, folder = sys.argv[1:]
    newcomer = Newcomer(Path(binary).resolve(), Path(folder))
    began = time.monotonic()
    try:
        followed = follow(newcomer, section(Path(readme).read_text(encoding="utf-8")))
    finally:
        newcomer.leave()
    # A tutorial whose blocks lost their marks would pass without being followed.
    if min(followed.get(language, 0) for language in ("sh", "text", "wit", "python")) == 0:
        raise SystemExit(f"FAILED: the tutorial has too few blocks: {followed}")
    took = time.monotonic() - began
    print(f"tutorial: followed {sum(followed.values())} blocks in {took:.0f} s")


if __name__ == "__main__":
    main()
