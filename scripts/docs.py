#!/usr/bin/env python3
"""Writes those of the book's lists that the code has, and looks over the built book: docs.py generate, docs.py check FOLDER. For
scripts/docs-test.sh: docs.py block PAGE NAME, docs.py banned FILTER LOG."""

import html.parser
import pathlib
import re
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
GENERATED = BOOK / "generated"
LANGUAGES = ["zh", "en"]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def unquoted(literal):
    """A Rust string literal without its escapes."""
    text = re.sub(r"\\\n\s*", "", literal)
    return text.replace('\\"', '"').replace("\\\\", "\\")


def cell(text):
    return text.replace("|", "\\|")


def errors(language):
    """The words by which programs tell errors apart, of server/src/error_code.rs."""
    found = re.findall(r'= ([A-Z_]+) "(\w+)" "([^"]+)" "([^"]+)";', read("server/src/error_code.rs"))
    names = {
        "BAD_REQUEST": 400, "UNAUTHORIZED": 401, "PAYMENT_REQUIRED": 402, "FORBIDDEN": 403, "NOT_FOUND": 404,
        "METHOD_NOT_ALLOWED": 405, "CONFLICT": 409, "GONE": 410, "PAYLOAD_TOO_LARGE": 413, "UNSUPPORTED_MEDIA_TYPE": 415,
        "UNPROCESSABLE_ENTITY": 422, "TOO_MANY_REQUESTS": 429, "SERVICE_UNAVAILABLE": 503,
    }
    head = {"zh": "| `code` | HTTP | 含义 |", "en": "| `code` | HTTP | what it says |"}[language]
    rows = [f"| `{word}` | {names[status]} | {cell(zh if language == 'zh' else en)} |" for status, word, en, zh in found]
    return "\n".join([head, "|---|---|---|", *rows]) + "\n"


def checks():
    """What `saoma doctor` looks at, with what it says is to be done, of server/src/doctor.rs."""
    found = re.findall(r'id: "(\w+)",\s*hint: "((?:[^"\\]|\\.)*)"', read("server/src/doctor.rs"), re.S)
    rows = [f"| `{name}` | {cell(unquoted(hint))} |" for name, hint in found]
    return "\n".join(["| id | hint |", "|---|---|", *rows]) + "\n"


MACRO = re.compile(r"tracing::(error|warn)!\(")
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)


def call(text, start):
    """The arguments of a macro whose parenthesis was just opened."""
    depth, at = 1, start
    while depth and at < len(text):
        literal = LITERAL.match(text, at)
        if literal:
            at = literal.end()
            continue
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return text[start:at]


def log_lines():
    """Each line that is written at ERROR or WARN, with the file that writes it."""
    found = {"error": set(), "warn": set()}
    for crate in ["server/src", "cashier/src", "app/src", "wxpay/src"]:
        for path in (ROOT / crate).rglob("*.rs"):
            text = path.read_text(encoding="utf-8")
            for macro in MACRO.finditer(text):
                literals = LITERAL.findall(call(text, macro.end()))
                if literals:
                    name = path.relative_to(ROOT).as_posix()
                    found[macro[1]].add((unquoted(literals[0]), name))
    parts = []
    for level in ["error", "warn"]:
        parts += [f"### {level.upper()}", "", "| line | file |", "|---|---|"]
        parts += [f"| `{cell(line)}` | `{name}` |" for line, name in sorted(found[level])]
        parts.append("")
    return "\n".join(parts)


LISTS = {
    "errors.zh.md": lambda: errors("zh"),
    "errors.en.md": lambda: errors("en"),
    "doctor.md": checks,
    "log-lines.md": log_lines,
}


def generate():
    GENERATED.mkdir(exist_ok=True)
    for name, write in LISTS.items():
        (GENERATED / name).write_text(write(), encoding="utf-8")


class Page(html.parser.HTMLParser):
    """The links of a built page, and the places in it that links can lead to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        of = dict(attributes)
        if of.get("id"):
            self.places.add(of["id"])
        for name in ["href", "src"]:
            if of.get(name):
                self.links.append(of[name])


def broken_links(folder):
    pages = {path: Page(path) for path in folder.rglob("*.html") if path.name not in ("toc.html", "404.html")}
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            to = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            shown = f"{path.relative_to(folder)}: {link}"
            if not to.exists():
                yield f"{shown} leads nowhere"
            elif parts.fragment and to in pages and urllib.parse.unquote(parts.fragment) not in pages[to].places:
                yield f"{shown} has no such place"


def broken_files():
    """Links of the documents outside the book that lead to no file."""
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("*/*.md")]):
        text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.S)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            parts = urllib.parse.urlsplit(link)
            if not parts.scheme and parts.path and not (path.parent / parts.path).exists():
                yield f"{path.relative_to(ROOT)}: {link} leads nowhere"


def tree(language):
    """The pages in the order of the table of contents."""
    return re.findall(r"\]\(([^)]+)\)", read(f"book/{language}/src/SUMMARY.md"))


def different_trees():
    trees = {language: tree(language) for language in LANGUAGES}
    if trees["zh"] != trees["en"]:
        yield f"the tables of contents differ: {sorted(set(trees['zh']) ^ set(trees['en'])) or 'in their order'}"
    for language in LANGUAGES:
        source = BOOK / language / "src"
        files = {path.relative_to(source).as_posix() for path in source.rglob("*.md")} - {"SUMMARY.md"}
        for name in sorted(files ^ set(trees[language])):
            yield f"{language}: {name} is a file without an entry, or an entry without a file"
    for name in trees["zh"]:
        anchors = [set(re.findall(r"^#+ .*\{#([\w-]+)\}", read(f"book/{language}/src/{name}"), re.M)) for language in LANGUAGES]
        for anchor in sorted(anchors[0] ^ anchors[1]):
            yield f"{name}#{anchor} is in one language only"


def missing(what, names, page):
    """Names of the code that a page has no heading for."""
    anchors = set(re.findall(r"^#+ .*\{#([\w-]+)\}", read(f"book/zh/src/{page}"), re.M))
    for name in names:
        if name.replace("_", "-") not in anchors:
            yield f"{page} has nothing about the {what} {name}"


def alerts():
    """Each alert's runbook_url leads to a place that says how severe it is, and there is no place without an alert."""
    rules = ROOT / "ops/prometheus/saoma.rules.yml"
    if not rules.exists():
        return
    page = "runbooks/alerts.md"
    found = re.findall(r"severity: (\w+).*?runbook_url: \S+/alerts\.html#([\w-]+)", rules.read_text(encoding="utf-8"), re.S)
    wanted = {name: severity for severity, name in found}
    words = {"zh": {"critical": "严重", "warning": "警告"}, "en": {"critical": "critical", "warning": "warning"}}
    for language in LANGUAGES:
        written = dict(re.findall(r"^`([\w-]+)` · \*\*([^*]+)\*\*", read(f"book/{language}/src/{page}"), re.M))
        for name in sorted(set(wanted) ^ set(written)):
            yield f"{language}: {page} and the rules of Prometheus do not both have the alert {name}"
        for name, severity in wanted.items():
            if name in written and written[name] != words[language].get(severity):
                yield f"{language}: {page} says of {name} that it is {written[name]}, the rule says {severity}"


def unwritten():
    kinds = re.search(r"names!\(ExceptionKind \{(.*?)\}\)", read("recharge/src/exception.rs"), re.S)[1]
    yield from missing("exception kind", re.findall(r'"(\w+)"', kinds), "runbooks/exceptions.md")
    found = re.findall(r'id: "(\w+)",\s*hint:', read("server/src/doctor.rs"))
    yield from missing("check of the doctor", found, "runbooks/doctor.md")
    yield from alerts()


def different_blocks():
    """Commands that are run as they stand in one language have to be those of the other; comments may differ."""
    def commands(language, name):
        text = read(f"book/{language}/src/{name}")
        blocks = re.findall(r"<!-- run: ([\w-]+) -->\n+\s*```sh\n(.*?)^\s*```$", text, re.S | re.M)
        return {name: [re.sub(r"\s+#.*", "", line) for line in code.splitlines()] for name, code in blocks}

    for name in tree("zh"):
        zh, en = commands("zh", name), commands("en", name)
        for block_name in sorted(set(zh) | set(en)):
            if zh.get(block_name) != en.get(block_name):
                yield f"{name}: the commands of the block {block_name} differ between the languages"


def block(page, name):
    """The code that follows `<!-- run: NAME -->` in a page."""
    found = re.search(rf"<!-- run: {re.escape(name)} -->\n+\s*```sh\n(.*?)^\s*```$", (ROOT / page).read_text(encoding="utf-8"), re.S | re.M)
    if not found:
        sys.exit(f"{page} has no block {name}")
    return found[1]


def banned(filter_file, log):
    """The addresses that a filter of fail2ban finds in a log."""
    lines = pathlib.Path(filter_file).read_text(encoding="utf-8").splitlines()
    of = dict(line.split(" = ", 1) for line in lines if " = " in line and not line.startswith("#"))
    pattern = of["failregex"].replace("%(_name)s", of["_name"]).replace("<HOST>", r"(?P<host>[0-9a-fA-F.:]+)")
    for line in pathlib.Path(log).read_text(encoding="utf-8").splitlines():
        match = re.match(pattern, line)
        if match:
            yield match["host"]


def check(folder):
    wrong = [*different_trees(), *different_blocks(), *unwritten(), *broken_files(), *broken_links(folder.resolve())]
    for line in wrong:
        print(f"the book: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["generate"]:
        generate()
    elif len(sys.argv) == 3 and sys.argv[1] == "check":
        sys.exit(check(pathlib.Path(sys.argv[2])))
    elif len(sys.argv) == 4 and sys.argv[1] == "block":
        print(block(sys.argv[2], sys.argv[3]), end="")
    elif len(sys.argv) == 4 and sys.argv[1] == "banned":
        print("\n".join(sorted(set(banned(sys.argv[2], sys.argv[3])))))
    else:
        sys.exit(__doc__)
