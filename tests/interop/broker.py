"""A broker that is not ours: Apache Kafka, as the script `apache-kafka` starts it."""

import shutil
import subprocess
from pathlib import Path

from workload import PARTITIONS

SCRIPT = Path(__file__).resolve().parent / "apache-kafka"


class ApacheKafka:
    """One broker, which starts while other things are done."""

    def __init__(self, work, port):
        self.folder = work / "kafka"
        missing = [program for program in ("java", "mvn") if not shutil.which(program)]
        self.absent = f"no {' and no '.join(missing)} here" if missing else None
        self.starting = None
        if not missing:
            errors = open(work / "kafka.err", "wb")
            command = [SCRIPT, "start", self.folder, str(port), "1", f"num.partitions={PARTITIONS}"]
            self.starting = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)

    def bootstrap(self):
        """Its address, once it has started; None if it has not."""
        address = self.starting.communicate()[0].strip()
        return address if self.starting.returncode == 0 else None

    def end(self):
        if self.starting:
            self.starting.terminate()
            self.starting.wait()
            subprocess.run([SCRIPT, "stop", self.folder])
