"""The house, held by a walk over the syntax trees: who imports whom, who may touch the outside, how long things are.

Every sentence of DESIGN section 3 about imports is a test here,
and so are law 3 (below the doors nothing reads a clock,
the environment, a file, a socket or a random source) and the form of refusals (law 11: nothing is raised inside an
`except` block, because `__context__` would carry the input along). Imports inside functions and under `TYPE_CHECKING`
count as any other.

Spec: DESIGN sections 2 and 3; specs/decisions.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import citizenid
from citizenid import Format

SOURCE = Path(citizenid.__file__).parent

# From below to above. A unit is a module of the package or a package in it; it imports only from lower rows. In the
# first row the names may also import from those to their left: they have no behaviour that could tie a knot.
LAYERS = (
    ("_errors", "_registry", "_limits", "countries", "_answer"),
    ("_model",),
    ("_wire",),
    ("_crypto",),
    ("_x509",),
    ("_redaction",),
    ("_choosing", "_issuer_metadata", "_vical"),
    ("_anchor",),
    ("trust",),
    ("_readers", "_writers"),
    ("status",),
    ("policy", "verifier"),
    ("issuer", "holder"),
    ("gateway", "evidence"),
    ("integrations", "testing"),
    ("_demo",),
    ("_cli",),
    ("__main__",),
)
ORDER = {unit: number for number, row in enumerate(LAYERS) for unit in row}
# The shared vocabulary: it gathers names for the callers, and nothing inside but the outermost row asks it for any.
ROOT = "citizenid"
ROOT_ROW = ORDER["trust"]

# `_model` says of an attestation's holder key that it is a PublicKey: a type, never an object (specs/decisions/0003).
TYPE_ONLY = {("_model", "_crypto")}

# Law 3 names the doors. The publisher of status lists is the issuer's door into `status`: it draws indices, and keeps
# them in a file. The file that workers share is a verifier's: one file reads and maps it, one writes it
# (specs/decisions/0016).
DOORS = {"issuer", "holder", "gateway", "evidence", "integrations", "testing", "_demo", "_cli", "__main__"}
# What is run and not imported: the command line and what it runs. They may print, and read the clock where they like.
PROGRAMS = {"_demo", "_cli", "__main__"}
DOOR_FILES = {
    "status/_publisher.py",
    "status/_identifier_publisher.py",
    "status/_ledger_file.py",
    "status/_lists.py",
    "status/_file.py",
    "status/_file_writing.py",
}


class Import(NamedTuple):
    file: str
    line: int
    target: str  # "citizenid.trust" or "cryptography.x509"
    type_only: bool


class Source(NamedTuple):
    file: str  # "gateway/ticket.py"
    unit: str  # "gateway"
    text: str
    tree: ast.Module


@cache
def sources() -> tuple[Source, ...]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        file = path.relative_to(SOURCE).as_posix()
        unit = ROOT if file == "__init__.py" else file.split("/")[0].removesuffix(".py")
        text = path.read_text(encoding="utf-8")
        found.append(Source(file, unit, text, ast.parse(text, file)))
    return tuple(found)


def unit_of(target: str) -> str | None:
    """The unit of a module of ours, or None for a foreign one."""
    first, _, rest = target.partition(".")
    if first != ROOT:
        return None
    return rest.partition(".")[0] or ROOT


@cache
def imports() -> tuple[Import, ...]:
    modules = {"citizenid." + s.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for s in sources()}
    found = []
    for source in sources():
        package = ["citizenid", *source.file.split("/")[:-1]]
        guarded = {
            id(inner)
            for node in ast.walk(source.tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(source.tree):
            targets: list[str] = []
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                for alias in node.names:
                    submodule = f"{module}.{alias.name}"
                    targets.append(submodule if submodule in modules else module)
            found.extend(Import(source.file, node.lineno, target, id(node) in guarded) for target in targets)  # type: ignore[attr-defined]  # only import statements have targets
    return tuple(found)


def unit_at(file: str) -> str:
    return next(source.unit for source in sources() if source.file == file)


def importers(*packages: str) -> set[str]:
    """Files that import one of these foreign packages, wherever in the file."""
    return {each.file for each in imports() if each.target.split(".")[0] in packages}


# --- the walk itself ---


def test_the_walk_sees_what_it_must_see() -> None:
    # A walk that finds nothing holds nothing: these are known to be there, one of each kind of import.
    seen = {(each.file, each.target) for each in imports()}
    assert ("verifier.py", "citizenid._crypto") in seen
    assert ("verifier.py", "citizenid.status") in seen
    assert ("_readers/sd_jwt_vc.py", "citizenid._registry") in seen  # from .. import _registry as reg
    assert ("_readers/sd_jwt_vc.py", "citizenid._wire.jws") in seen  # from .._wire import jws
    assert {unit_at(file) for file, target in seen if target.startswith("nacl")} == {"_crypto"}
    assert {unit_at(file) for file, target in seen if unit_of(target) == "_crypto"} >= {"_model", "trust", "verifier"}
    assert len(sources()) >= 35


def test_every_file_has_its_place() -> None:
    assert {source.unit for source in sources()} <= ORDER.keys() | {ROOT}


# --- layers ---


def test_a_file_imports_from_the_layers_below_it_alone() -> None:
    wrong = []
    for each in imports():
        here, there = unit_at(each.file), unit_of(each.target)
        if there is None or here == there:
            continue
        if here == ROOT:
            allowed = ORDER[there] <= ROOT_ROW
        elif there == ROOT:
            allowed = ORDER[here] >= ORDER["integrations"]
        elif ORDER[here] == ORDER[there]:
            row = LAYERS[ORDER[here]]
            allowed = row is LAYERS[0] and row.index(there) < row.index(here)
        else:
            allowed = ORDER[there] < ORDER[here]
        if not allowed and not (each.type_only and (here, there) in TYPE_ONLY):
            wrong.append(f"{each.file}:{each.line} imports {each.target}")
    assert wrong == []


def test_the_one_exception_is_a_type_and_is_still_needed() -> None:
    used = {
        (unit_at(each.file), unit_of(each.target)): each.type_only
        for each in imports()
        if (unit_at(each.file), unit_of(each.target)) in TYPE_ONLY
    }
    assert used == dict.fromkeys(TYPE_ONLY, True)
    pairs = {(unit_at(each.file), unit_of(each.target)) for each in imports() if each.type_only}
    assert {(here, there) for here, there in pairs if there not in (None, here)} == TYPE_ONLY


def test_there_is_no_cycle() -> None:
    # Between files, not units: inside a package too. `__init__` gathers its package, so it is no part of the graph.
    names = {"citizenid." + source.file.removesuffix(".py").replace("/", "."): source.file for source in sources()}
    edges: dict[str, set[str]] = {source.file: set() for source in sources()}
    for each in imports():
        if each.target in names and not each.type_only and not each.file.endswith("__init__.py"):
            edges[each.file].add(names[each.target])
    done: set[str] = set()

    def visit(file: str, path: tuple[str, ...]) -> None:
        assert file not in path, " -> ".join((*path, file))
        if file not in done:
            for below in sorted(edges[file]):
                visit(below, (*path, file))
            done.add(file)

    for file in sorted(edges):
        visit(file, ())


def test_a_door_waits_for_the_package_before_it_imports_any_of_it() -> None:
    # Two threads that import two doors at once: the one that waits for nobody takes modules out of their order, Python
    # lets go of its locks, and the other finds a module without its names. Who imports from the package waits for it.
    doors = {"gateway/__init__.py", "gateway/audit.py", "status/__init__.py", "policy/__init__.py"}
    doors |= {"issuer.py", "holder.py", "verifier.py"}
    doors |= {each.file for each in sources() if re.fullmatch(r"integrations/[a-z]+\.py", each.file)}
    for source in sources():
        if source.file in doors:
            first = next(each for each in source.tree.body if isinstance(each, ast.ImportFrom) and each.level)
            assert (first.module, first.level) == (None, source.file.count("/") + 1), source.file
            doors.remove(source.file)
    assert not doors


@pytest.mark.parametrize(
    ("unit", "never"),
    [
        ("_readers", {"_writers", "issuer", "holder", "gateway"}),
        ("_writers", {"_readers", "verifier", "gateway"}),
        ("verifier", {"_writers", "issuer", "holder"}),
        ("gateway", {"_writers", "issuer", "holder"}),
        ("evidence", {"gateway"}),
        ("policy", {"verifier", "trust", "status", "_crypto", "_wire"}),
    ],
)
def test_who_never_imports_whom(unit: str, never: set[str]) -> None:
    assert {unit_of(each.target) for each in imports() if unit_at(each.file) == unit} & never == set()


# Each is a part of the one reader.
_PARTS = {("_readers/mdoc.py", "._items"), ("_readers/sd_cwt.py", "._sd_kbt")}


def test_no_format_imports_another() -> None:
    # A format may use `_protocol`, the shape of all formats, and `_statements`, which all of them make alike; the
    # package's own __init__ is the table of them.
    for unit in ("_readers", "_writers"):
        for each in imports():
            if each.file.startswith(unit + "/") and not each.file.endswith("__init__.py"):
                inside = each.target.removeprefix(f"citizenid.{unit}")
                shared = inside in (".", "._protocol", "._statements") or (each.file, inside) in _PARTS
                assert inside == each.target or shared, f"{each.file}: {each.target}"


# --- who imports which library ---


def test_cryptography_is_imported_by_the_keys_and_the_certificates_alone() -> None:
    # `_demo` measures the floor beside our figures, with `cryptography` alone: that is what a floor is.
    # `testing` forges what no writer of ours would write.
    used = importers("cryptography", "OpenSSL", "_cffi_backend")
    units = {unit_at(file) for file in used if not file.startswith("evidence/emrtd")}
    assert units <= {"_crypto", "_x509", "_demo", "testing"}


def test_libsodium_is_imported_by_the_keys_alone() -> None:
    assert {unit_at(file) for file in importers("nacl")} == {"_crypto"}


def test_parsers_are_imported_by_the_codecs_alone() -> None:
    # `testing` writes with cbor2 what no codec of ours would.
    assert {file.split("/")[0] for file in importers("jiter")} == {"_wire"}
    assert {file.split("/")[0] for file in importers("cbor2")} == {"_wire", "testing"}


def test_nothing_but_the_reviewers_tests_imports_the_reviewers_kit() -> None:
    assert {unit_at(each.file) for each in imports() if unit_of(each.target) == "testing"} <= {"testing"}
    assert {unit_at(file) for file in importers("hypothesis", "pytest", "_pytest")} <= {"testing"}


def test_nobody_else_reads_json() -> None:
    # The standard library's reader takes duplicates and NaN. Writing with it is free (answers, the command line).
    readers = {
        source.file
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("loads", "load", "JSONDecoder")
        and ast.unparse(node.value) == "json"
    }
    assert {unit_at(file) for file in readers} <= PROGRAMS | {"testing"}  # which reads the answers of others
    assert importers("orjson", "ujson", "simplejson", "msgspec", "yaml", "pickle", "marshal", "shelve") == set()


def test_no_network_library_is_imported_below_the_integrations() -> None:
    network = importers("socket", "ssl", "http", "urllib3", "requests", "httpx", "aiohttp", "ftplib", "smtplib")
    assert {file for file in network if unit_at(file) != "integrations"} == set()
    # The gateway's coroutines wait for a disk in a thread; nothing else below the integrations knows of an event loop.
    assert {file for file in importers("asyncio") if unit_at(file) != "integrations"} == {"gateway/_gateway.py"}
    urllib = {each.target for each in imports() if each.target.split(".")[0] == "urllib"}
    assert urllib <= {"urllib.parse"}


def test_what_fetches_and_publishes_stays_in_its_extras() -> None:
    # The app that publishes needs no HTTP client, and neither needs a server: whoever runs them brings one.
    assert importers("httpx", "socket", "ssl") == {"integrations/fetch.py"}
    assert importers("zstandard") == {"integrations/_codings.py"}
    fleet = {"_channel", "_fleet", "_sign_outs", "valkey"}
    assert importers("valkey", "redis") == {f"integrations/{name}.py" for name in fleet}
    # The middleware is plain ASGI; a dependency of FastAPI is written with FastAPI, in a file of its own.
    assert importers("starlette", "fastapi") == {"integrations/fastapi.py"}
    assert importers("uvicorn", "h11", "httpcore", "brotli") == set()
    assert importers("litellm") == {"integrations/litellm.py"}
    assert {unit_at(each.file) for each in imports() if unit_of(each.target) == "integrations"} <= {"integrations"}


def test_pyjwt_is_never_what_verifies() -> None:
    assert {file for file in importers("jwt") if not file.startswith("evidence/")} == set()


# --- law 3: below the doors nothing reads a clock, the environment, a file, a socket or a random source ---


def below_the_doors() -> Iterator[Source]:
    return (source for source in sources() if source.unit not in DOORS and source.file not in DOOR_FILES)


def test_what_lies_below_the_doors_imports_nothing_of_the_outside() -> None:
    outside = {
        "random", "secrets", "time", "os", "io", "pathlib", "socket", "subprocess", "tempfile", "shutil", "uuid",
        "select",
        "selectors", "signal", "ctypes", "mmap", "sched", "calendar", "locale", "getpass", "platform", "glob",
        "fileinput",
        "logging", "warnings", "sys", "importlib", "multiprocessing", "concurrent", "sqlite3",
    }  # fmt: skip
    files = {source.file for source in below_the_doors()}
    ours = [each for each in imports() if each.file in files]
    wrong = [f"{each.file}: {each.target}" for each in ours if each.target.split(".")[0] in outside]
    assert wrong == []


def test_what_lies_below_the_doors_calls_nothing_of_the_outside() -> None:
    builtins = {
        "open",
        "input",
        "print",
        "eval",
        "exec",
        "compile",
        "__import__",
        "breakpoint",
        "globals",
        "locals",
        "vars",
    }
    attributes = {
        "now",
        "utcnow",
        "today",
        "urandom",
        "environ",
        "getenv",
        "fromtimestamp",
        "monotonic",
        "perf_counter",
    }
    wrong = []
    for source in below_the_doors():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in builtins:
                wrong.append(f"{source.file}:{node.lineno} {node.func.id}()")
            if isinstance(node, ast.Attribute) and node.attr in attributes:
                wrong.append(f"{source.file}:{node.lineno} .{node.attr}")
    assert wrong == []


def test_doors_read_the_clock_and_chance_as_defaults_of_arguments_alone() -> None:
    # A door's clock can be replaced by its caller: a call in the body could not. A default may stand in the signature
    # or under `if argument is None:`. The demo and the command line are no doors of the library but programs.
    wrong = []
    for source in sources():
        if source.unit in PROGRAMS | {"testing"}:
            continue
        defaults: set[int] = set()
        for node in ast.walk(source.tree):
            given: list[ast.AST] = []
            if isinstance(node, ast.arguments):
                given = [default for default in [*node.defaults, *node.kw_defaults] if default is not None]
            elif isinstance(node, ast.If) and ast.unparse(node.test).endswith(" is None"):
                argument = ast.unparse(node.test).removesuffix(" is None")
                given = [each.value for each in node.body if isinstance(each, ast.Assign) and sets(each, argument)]
            defaults.update(id(inner) for each in given for inner in ast.walk(each))
        wrong.extend(
            f"{source.file}:{node.lineno} {ast.unparse(node)}"
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("os", "time", "secrets", "random")
            and id(node) not in defaults
        )
    assert wrong == []


def sets(assignment: ast.Assign, name: str) -> bool:
    return [ast.unparse(target) for target in assignment.targets] == [name]


def test_nothing_writes_a_log_or_prints() -> None:
    # Law 11. What a deployment wants to know comes out as values: decisions, reasons, and later the audit record.
    assert {file for file in importers("logging", "warnings", "traceback") if unit_at(file) not in PROGRAMS} == set()
    for source in sources():
        if source.unit not in PROGRAMS:
            calls = [ast.unparse(node.func) for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
            assert "print" not in calls, source.file


# --- how refusals are made ---


def handlers(source: Source) -> Iterator[ast.ExceptHandler]:
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.ExceptHandler))


def test_no_broad_except() -> None:
    broad = {"Exception", "BaseException"}
    wrong = [
        f"{source.file}:{handler.lineno}"
        for source in sources()
        for handler in handlers(source)
        if handler.type is None or broad & {name.strip("() ") for name in ast.unparse(handler.type).split(",")}
    ]
    assert wrong == []


def test_what_an_operators_part_may_raise_has_one_name() -> None:
    # A client of a store derives its errors from Exception: no list is enough. It stands around what is not ours alone.
    named = [
        source.file
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Tuple)
        and any(isinstance(each, ast.Name) and each.id in ("Exception", "BaseException") for each in node.elts)
    ]
    assert [each for each in named if not each.startswith("testing/")] == ["_errors.py"]


def test_no_new_error_is_raised_inside_an_except_block() -> None:
    # Its __context__ would be the error of the parser, which may quote the input. Passing on the same one is free.
    wrong = [
        f"{source.file}:{node.lineno}"
        for source in sources()
        if source.unit not in PROGRAMS
        for handler in handlers(source)
        for node in ast.walk(handler)
        if isinstance(node, ast.Raise) and node.exc is not None
    ]
    assert wrong == []


def test_the_words_of_an_error_are_literals() -> None:
    # error.where is a path into the specification: put together of names of our own, never of a member of a token.
    # A policy is the operator's own text, and its errors name the number of the rule and the key.
    wrong = []
    for source in sources():
        literals = {
            node.target.id
            for node in source.tree.body
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        }
        names = {"name", "where", "_WHERE", "reg", *literals}
        for node in ast.walk(source.tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error")):
                continue
            conditions = {
                id(inner)
                for part in ast.walk(node)
                if isinstance(part, ast.IfExp)
                for inner in ast.walk(part.test)  # a condition chooses among the words and is none of them
            }
            for inner in [inner for argument in node.args[1:] for inner in ast.walk(argument)]:
                text = ast.unparse(inner) if isinstance(inner, ast.expr) else ""
                named = isinstance(inner, ast.Name) and text not in names
                # A table of ours may hold the path: a row's `where` is a literal, and no row comes from outside.
                row = text in {"markers.where", "self.markers.where", "self.markers"}
                computed = isinstance(inner, ast.Call | ast.Subscript | ast.Attribute) and not text.startswith("reg.")
                computed = computed and not row
                named = named and text not in {"markers", "self"}
                if (named or computed) and id(inner) not in conditions and source.unit != "policy":
                    wrong.append(f"{source.file}:{node.lineno} {text}")
    assert wrong == []


def test_assert_is_no_check() -> None:
    wrong = [f"{s.file}:{n.lineno}" for s in sources() for n in ast.walk(s.tree) if isinstance(n, ast.Assert)]
    assert wrong == []  # python -O leaves them out


# --- closed tables: no class tree, no registration ---


def branches_on_format(tree: ast.Module) -> list[str]:
    """What decides by the format: a member of it, its text, or a comparison with it other than that of V5."""
    texts = {format_.value for format_ in Format} | {format_.name for format_ in Format}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Format":
            found.append(ast.unparse(node))
        elif isinstance(node, ast.Constant) and node.value in texts:
            found.append(repr(node.value))
        elif isinstance(node, ast.Compare | ast.Match):
            sides = [node.subject] if isinstance(node, ast.Match) else [node.left, *node.comparators]
            words = [ast.unparse(side) for side in sides]
            named = any(word.rpartition(".")[2] in {"format", "format_"} for word in words)
            if named and words != ["presentation.format", "anchor.formats"]:
                found.append(ast.unparse(node))
        elif isinstance(node, ast.Name | ast.alias):  # a binding of this class is an mdoc's
            name = node.id if isinstance(node, ast.Name) else node.name
            found.extend(name for each in ("Reader", "Detached") if each in name)
    return found


def test_the_verifier_has_no_branch_on_the_format() -> None:
    (verifier,) = [source for source in sources() if source.file == "verifier.py"]
    assert branches_on_format(verifier.tree) == []
    of_a_kind = "if type(presentation.binding) is DetachedSignature: pass"
    for text in ("if x.format == y: pass", "Format.MDOC", "z = 1 if format_ is f else 2", "'mso_mdoc'", of_a_kind):
        assert branches_on_format(ast.parse(text))  # the walk sees what it must see


def test_no_class_tree_for_formats_roles_or_keys() -> None:
    free = {
        "NamedTuple", "Protocol", "StrEnum", "Enum", "IntEnum", "Exception", "CitizenIDError", "Selection", "Generic",
        "HTTPException",  # FastAPI finds the handler of an exception by its class
        "CustomLogger",  # LiteLLM's: it asks whether a callback is one
        "AssertionError",  # what a test fails with
    }  # fmt: skip
    wrong = []
    for source in sources():
        if source.unit in PROGRAMS or source.file == "testing/forge/cbor.py":  # bytes and lists that CBOR writes as is
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).partition("[")[0] for base in node.bases}
                wrong.extend(f"{source.file}: {node.name}({base})" for base in bases - free)
    assert wrong == []


# --- size ---


def bodies() -> Iterator[tuple[str, int]]:
    """Each function with the lines of its body, without the docstring."""
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                doc = node.body[0]
                size = (node.end_lineno or 0) - node.lineno + 1
                if ast.get_docstring(node) is not None:
                    size -= (doc.end_lineno or 0) - doc.lineno + 1
                yield f"{source.file}:{node.name}", size


def test_no_function_is_longer_than_sixty_lines(record_property: Callable[[str, object], None]) -> None:
    record_property("functions over the target of 40 lines", sorted(name for name, size in bodies() if size > 40))
    assert {name: size for name, size in bodies() if size > 60} == {}


def test_no_module_is_longer_than_four_hundred_and_twenty_lines(record_property: Callable[[str, object], None]) -> None:
    sizes = {source.file: source.text.count("\n") for source in sources()}
    record_property("modules over the target of 300 lines", sorted(file for file, size in sizes.items() if size > 300))
    assert {file: size for file, size in sizes.items() if size > 420} == {}


def test_every_module_says_what_it_is() -> None:
    for source in sources():
        doc = ast.get_docstring(source.tree)
        assert doc and doc.rstrip().endswith((".", ":", ")", "`")), source.file
        assert "TODO" not in source.text and "FIXME" not in source.text, source.file
