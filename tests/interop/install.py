"""Where each client comes from: installs it from its registry into a cache, and gives the command of its driver.

What is installed is named in a file (requirements.txt, package.json, go.mod); a changed file has another place in the
cache.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENTS = HERE / "clients"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "linger-interop"
INSTALL_S = 300
# As apache-kafka has it.
KAFKA_VERSION = os.environ.get("KAFKA_VERSION", "4.3.1")


class Absent(Exception):
    """Why a client cannot be tried on this machine."""


def run(*command, **settings):
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_S, **settings)
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout).strip().splitlines()[-3:]
        raise Absent(f"{' '.join(map(str, command[:3]))} failed: {' / '.join(last)}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Absent(str(error)) from None


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Absent(f"no {program} here")


def cached(name, manifests, fill):
    """The folder in the cache that `fill` has filled from these files, once."""
    contents = b"".join(manifest.read_bytes() for manifest in manifests)
    folder = CACHE / f"{name}-{hashlib.sha256(contents).hexdigest()[:12]}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        fill(folder)
        (folder / "whole").touch()
    return folder


def python_driver(name):
    def fill(folder):
        run(sys.executable, "-m", "venv", folder)
        pip = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]
        run(*pip, CLIENTS / "requirements.txt")

    return [cached("python", [CLIENTS / "requirements.txt"], fill) / "bin/python", "-B", CLIENTS / name]


def kafka_python():
    return python_driver("kafka_python.py")


def confluent():
    return python_driver("confluent.py")


def aio_kafka():
    return python_driver("aio_kafka.py")


def java():
    needs("java", "javac", "mvn")
    return [HERE / "apache-kafka", "tool", CLIENTS / "Client.java"]


def console():
    needs("java", "mvn")
    return [sys.executable, "-B", CLIENTS / "console.py", HERE / "apache-kafka", KAFKA_VERSION]


def franz_go():
    needs("go")
    source = CLIENTS / "franz-go"

    def fill(folder):
        run("go", "build", "-o", folder / "driver", ".", cwd=source)

    return [cached("franz-go", [source / name for name in ("go.mod", "go.sum", "main.go")], fill) / "driver"]


def kafkajs():
    needs("node", "npm")
    source = CLIENTS / "kafkajs"

    def fill(folder):
        shutil.copy(source / "package.json", folder)
        run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)

    packages = cached("kafkajs", [source / "package.json"], fill) / "node_modules"
    # It warns that its partitioner is now Java's.
    return ["env", f"NODE_PATH={packages}", "KAFKAJS_NO_PARTITIONER_WARNING=1", "node", source / "main.js"]


def kcat():
    """From the system's packages, where this may install them."""
    found = shutil.which("kcat") or shutil.which("kafkacat")
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        try:
            run("apt-get", "install", "-y", "-q", "kcat")
        except Absent:
            run("apt-get", "update", "-q")
            run("apt-get", "install", "-y", "-q", "kcat")
        found = shutil.which("kcat")
    if not found:
        raise Absent("no kcat here: install the package kcat")
    return [sys.executable, "-B", CLIENTS / "kcat.py", found]
