"""What a run has found: a line per check, and what each client can as a table."""

from pathlib import Path

from workload import READING_FEATURES, WRITING_FEATURES

DIFFERENCES_MAX = 6
# Of one difference: an error may come with its stack.
LINES_MAX = 8


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.versions = {}  # what each client said it is, by its name
        self.cannot = {}  # why it cannot, by (client, feature)
        self.cells = {}  # whether all went well, by (client, feature)

    def column(self, client, version, cannot=None):
        self.versions[client] = version
        for feature, why in (cannot or {}).items():
            self.cannot[client, feature] = why

    def skip(self, line):
        self.skipped += 1
        print(f"skipped  {line}", flush=True)

    def cannot_be(self, line):
        """Nothing that another machine could change."""
        print(f"cannot   {line}", flush=True)

    def check(self, line, differences, client=None, features=()):
        """Differences spoil the features they name, or all of the check's where they name none."""
        if not differences:
            self.passed += 1
            print(f"ok       {line}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED   {line}", flush=True)
            for difference in differences[:DIFFERENCES_MAX]:
                print(*(f"         {part}" for part in str(difference).splitlines()[:LINES_MAX]), sep="\n", flush=True)
            if len(differences) > DIFFERENCES_MAX:
                print(f"         and {len(differences) - DIFFERENCES_MAX} more", flush=True)
        named = {getattr(difference, "feature", None) for difference in differences}
        for feature in features:
            spoilt = feature in named or None in named
            self.cells[client, feature] = self.cells.get((client, feature), True) and not spoilt

    def table(self):
        """In Markdown: a row per feature, a column per client, and below it why not."""
        clients = list(self.versions)
        rows = [["", *clients], ["---"] * (len(clients) + 1)]
        reasons = []
        for feature in WRITING_FEATURES + READING_FEATURES:
            rows.append([feature, *(self._cell(client, feature, reasons) for client in clients)])
        lines = [f"| {' | '.join(row)} |" for row in rows]
        lines += [""] + [f"{number}. {why}" for number, why in enumerate(reasons, 1)]
        tried = [version for version in self.versions.values() if version != "linger"]
        lines += ["", f"Tried: {'; '.join(tried)}."]
        return "\n" + "\n".join(lines) + "\n\n"

    def _cell(self, client, feature, reasons):
        why = self.cannot.get((client, feature))
        if why is None:
            return {True: "yes", False: "**no**", None: "–"}[self.cells.get((client, feature))]
        if why not in reasons:
            reasons.append(why)
        return f"[{reasons.index(why) + 1}]"


class Document:
    """docs/interop.md, whose table of clients is what a run finds."""

    PATH = Path(__file__).resolve().parent.parent.parent / "docs/interop.md"
    BEGINS, ENDS = "<!-- what tests/interop/run finds -->\n", "<!-- end -->\n"

    def __init__(self):
        self.before, _, rest = self.PATH.read_text().partition(self.BEGINS)
        self.table, _, self.after = rest.partition(self.ENDS)

    def write(self, table):
        self.PATH.write_text(f"{self.before}{self.BEGINS}{table}{self.ENDS}{self.after}")

    def differences(self, table):
        """Versions aside: a machine may have others."""
        says = set(self.table.splitlines()) ^ set(table.splitlines())
        return [line for line in sorted(says) if not line.startswith("Tried: ")]
