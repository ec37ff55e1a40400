"""A role's argument spec against its defaults and its tasks, and the modules' documentation against those who call them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible.plugins.doc_fragments import files as file_options

ROOT = Path(__file__).resolve().parents[2]
OURS = "foss_data.platform."
ROLES = sorted(p.parents[1].name for p in (ROOT / "roles").glob("*/meta/argument_specs.yml"))
COMMON = "_common"  # its options are the platform's own variables
TYPES = {"str": str, "path": str, "int": int, "float": (int, float), "bool": bool, "list": list, "dict": dict}
# Lists of tasks inside a task or a play.
BLOCKS = ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers")


def load(path: Path):
    """The YAML in a file; nothing if there is no such file."""
    return yaml.safe_load(path.read_text()) if path.exists() else None


def spec_of(role: str) -> dict[str, dict]:
    """Options of a role, those of all its entry points together."""
    entries = load(ROOT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
    return {name: option for entry in entries.values() for name, option in entry.get("options", {}).items()}


def suboptions(options: dict[str, dict], path: str = "") -> Iterator[tuple[str, dict]]:
    """Every option with its path, nested ones too."""
    for name, option in options.items():
        yield f"{path}{name}", option
        yield from suboptions(option.get("options") or option.get("suboptions") or {}, f"{path}{name}.")


def tasks_in(items: list | None) -> Iterator[dict]:
    """Every task in a list of tasks or plays, those in blocks too."""
    for item in items or []:
        yield item
        for key in BLOCKS:
            yield from tasks_in(item.get(key))


def task_files() -> list[Path]:
    """Files with tasks or plays."""
    patterns = (
        "roles/*/tasks/*.yml",
        "roles/*/handlers/*.yml",
        "playbooks/*.yml",
        "infrastructure/**/*.yml",
        "molecule/**/*.yml",
    )
    return sorted(p for pattern in patterns for p in ROOT.glob(pattern) if isinstance(load(p), list))


def templated(value) -> bool:
    """Whether a value is known only when the play runs."""
    return isinstance(value, str) and "{{" in value


# -- roles


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_those_of_the_spec(role):
    documented = {name: option["default"] for name, option in spec_of(role).items() if "default" in option}
    assert (load(ROOT / "roles" / role / "defaults" / "main.yml") or {}) == documented


@pytest.mark.parametrize("role", ROLES)
def test_options_are_complete(role):
    faults = []
    for name, option in suboptions(spec_of(role)):
        if option.get("type") not in TYPES:
            faults.append(f"{name}: type {option.get('type')!r}")
            continue
        # A comma in an unquoted description between braces starts another key.
        strange = set(option) - {"type", "description", "default", "required", "choices", "elements", "options", "no_log"}
        if strange:
            faults.append(f"{name}: unknown {sorted(map(str, strange))}")
        if not option.get("description"):
            faults.append(f"{name}: no description")
        default = option.get("default")
        if default is not None and not templated(default) and not isinstance(default, TYPES[option["type"]]):
            faults.append(f"{name}: the default {default!r} is no {option['type']}")
        if isinstance(default, bool) and option["type"] != "bool":
            faults.append(f"{name}: the default {default!r} is no {option['type']}")
        if "choices" in option and default is not None and default not in option["choices"]:
            faults.append(f"{name}: the default {default!r} is no choice")
        if option["type"] == "list" and option.get("elements") not in TYPES:
            faults.append(f"{name}: elements {option.get('elements')!r}")
        if option.get("required") and "default" in option:
            faults.append(f"{name}: required, with a default")
    assert not faults


@pytest.mark.parametrize("role", [r for r in ROLES if r != COMMON])
def test_variables_begin_with_the_roles_name(role):
    folder = ROOT / "roles" / role
    names = set(spec_of(role)) | set(load(folder / "defaults" / "main.yml") or {})
    for path in folder.glob("vars/*.yml"):
        names |= set(load(path) or {})
    for path in [*folder.glob("tasks/*.yml"), *folder.glob("handlers/*.yml")]:
        for task in tasks_in(load(path)):
            names |= {task["register"]} if "register" in task else set()
            names |= set(task.get("ansible.builtin.set_fact", {})) - {"cacheable"}
    assert not {n for n in names if not n.startswith((f"{role}_", "_"))}


@pytest.mark.parametrize("role", ROLES)
def test_every_option_does_something(role):
    """Its name stands somewhere in the role beside the spec and the defaults; of those that no role owns, in any."""
    folders = [ROOT / "roles", ROOT / "playbooks", ROOT / "plugins"] if role == COMMON else [ROOT / "roles" / role]
    files = [
        p
        for folder in folders
        for p in folder.rglob("*")
        if p.is_file() and p.parent.name not in ("meta", "defaults") and p.suffix != ".md"
    ]
    text = "\n".join(p.read_text() for p in files)
    assert not {name for name in spec_of(role) if not re.search(rf"\b{name}\b", text)}


def test_what_looks_like_a_roles_variable_is_one():
    """A mistyped variable of a role is set and never read. Those that playbooks or other variables read are a site's own."""
    options = {role: set(spec_of(role)) for role in ROLES}
    files = sorted([*ROOT.glob("group_vars/**/*.yml"), *ROOT.glob("inventories/**/*.yml"), *ROOT.glob("playbooks/*.yml")])
    texts = [p.read_text() for p in [*files, *ROOT.glob("playbooks/templates/*")]]
    faults = []
    for path in files:
        content = load(path)
        names = set(content) if isinstance(content, dict) else set()
        for play in tasks_in(content) if isinstance(content, list) else []:
            names |= set(play.get("vars") or {})
            for entry in play.get("roles") or []:
                names |= set(entry.get("vars") or {}) if isinstance(entry, dict) else set()
        for name in names:
            # The longest that fits: `hive_metastore_port` is no variable of a role `hive`.
            owner = max((r for r in ROLES if name.startswith(f"{r}_")), key=len, default=None)
            read = any(re.search(rf"(?<![\w.]){name}\b(?!\s*:)", text) for text in texts)
            if owner and name not in options[owner] and not read:
                faults.append(f"{path.relative_to(ROOT)}: {name} is no option of role {owner}, and nothing reads it")
    assert not faults


@pytest.mark.parametrize("role", ROLES)
def test_secrets_are_marked(role):
    """Else Ansible shows their values where it shows arguments."""
    options = dict(suboptions(spec_of(role)))
    assert not {
        n
        for n, o in options.items()
        if re.search("password|secret(?!s_names)", n.rsplit(".", 1)[-1]) and o.get("no_log") is not True
    }


def holds_a_secret(option: dict) -> bool:
    """Whether an option is one, or has one inside."""
    return option.get("no_log") is True or any(holds_a_secret(inner) for inner in option.get("options", {}).values())


@pytest.mark.parametrize("role", ROLES)
def test_no_loop_goes_over_secrets(role):
    """Ansible prints the whole item of a task that fails, whatever its label: a loop goes over names."""
    secret = {name for name, option in spec_of(role).items() if holds_a_secret(option)}
    tasks = [task for path in (ROOT / "roles" / role / "tasks").glob("*.yml") for task in tasks_in(load(path))]
    loops = {task["name"]: str(task["loop"]) for task in tasks if "loop" in task}
    names = re.compile(r"\w+\s*\|\s*map\(attribute='(?:name|access_key)'\)")
    assert not {n: loop for n, loop in loops.items() if secret & set(re.findall(r"\w+", names.sub("", loop)))}


def test_role_base_runs_on_the_hosts_of_the_others():
    """On no host that an inventory has beside them, and on each of them first."""
    first, *others = load(ROOT / "playbooks" / "site.yml")
    others += [play for name in ("pipelines", "show") for play in load(ROOT / "playbooks" / f"{name}.yml")]
    others += [play for path in (ROOT / "playbooks").glob("pipeline_*.yml") for play in load(path)]
    assert first["roles"] == [f"{OURS}base"]
    groups = {group for play in others for group in re.findall(r"\w+", play["hosts"])} - {"groups", "first"}
    # Made by the play, of hosts that are in the others.
    groups.remove("pipeline_deployments")
    assert set(first["hosts"].split(":")) == groups


# -- modules


def documented_options() -> dict[str, dict]:
    """Options of every module of ours by name. `ansible-test sanity` holds them against the argument specs."""
    fragments, modules = {"ansible.builtin.files": yaml.safe_load(file_options.ModuleDocFragment.DOCUMENTATION)["options"]}, {}
    for path in (ROOT / "plugins" / "doc_fragments").glob("*.py"):
        text = re.search(r'DOCUMENTATION = r"""(.*?)"""', path.read_text(), re.DOTALL).group(1)
        fragments[f"{OURS}{path.stem}"] = yaml.safe_load(text).get("options", {})
    for path in (ROOT / "plugins" / "modules").glob("*.py"):
        document = yaml.safe_load(re.search(r'DOCUMENTATION = r"""(.*?)"""', path.read_text(), re.DOTALL).group(1))
        options = dict(document.get("options") or {})
        extends = document.get("extends_documentation_fragment", [])
        for fragment in [extends] if isinstance(extends, str) else extends:
            options = fragments.get(fragment, {}) | options
        modules[f"{OURS}{path.stem}"] = options
    return modules


def faults_of(options: dict[str, dict], given: dict, where: str) -> Iterator[str]:
    """What is wrong with the options ``given`` to a module."""
    known = set(options) | {alias for option in options.values() for alias in option.get("aliases", [])}
    for name in set(given) - known:
        yield f"{where}: there is no option {name}"
    for name, option in options.items():
        if name not in given:
            continue
        value = given[name]
        if templated(value) or value is None:
            continue
        wrong = (
            [v for v in (value if isinstance(value, list) else [value]) if not templated(v) and v not in option["choices"]]
            if "choices" in option
            else []
        )
        if wrong:
            yield f"{where}: {name} is {wrong[0]!r}, not one of {option['choices']}"
        nested = option.get("suboptions")
        for entry in (value if isinstance(value, list) else [value]) if nested else []:
            if isinstance(entry, dict):
                yield from faults_of(nested, entry, f"{where}.{name}")
                missing = [n for n, o in nested.items() if o.get("required") and n not in entry]
                yield from (f"{where}.{name}: {n} is missing" for n in missing)


def calls() -> Iterator[tuple[str, str, dict, dict]]:
    """Where, module, options and module defaults of every call of one of our modules."""
    for path in task_files():
        yield from calls_in(load(path), str(path.relative_to(ROOT)), {})


def calls_in(items: list | None, where: str, defaults: dict) -> Iterator[tuple[str, str, dict, dict]]:
    """The same, in a list of tasks or plays."""
    for item in items or []:
        inherited = defaults | (item.get("module_defaults") or {})
        for key in BLOCKS:
            yield from calls_in(item.get(key), where, inherited)
        for module in (key for key in item if key.startswith(OURS)):
            yield f"{where}: {item.get('name', module)}", module, item[module] or {}, inherited.get(module) or {}


def test_calls_of_our_modules_are_valid():
    modules = documented_options()
    faults, seen = [], 0
    for where, module, given, defaults in calls():
        seen += 1
        if module not in modules:
            faults.append(f"{where}: there is no module {module}")
            continue
        if isinstance(given, str):
            continue
        faults += faults_of(modules[module], defaults | given, where)
        missing = [n for n, o in modules[module].items() if o.get("required") and n not in defaults | given]
        faults += [f"{where}: {name} is missing" for name in missing]
    assert seen
    assert not faults


def test_examples_of_our_modules_are_valid():
    modules = documented_options()
    faults = []
    for path in (ROOT / "plugins" / "modules").glob("*.py"):
        examples = yaml.safe_load(re.search(r'EXAMPLES = r"""(.*?)"""', path.read_text(), re.DOTALL).group(1))
        for where, module, given, defaults in calls_in(examples, path.name, {}):
            faults += faults_of(modules[module], defaults | given, where)
            faults += [
                f"{where}: {n} is missing" for n, o in modules[module].items() if o.get("required") and n not in defaults | given
            ]
    assert not faults


def test_what_forgets_a_start_is_among_what_decides_it():
    """Check mode forgets nothing: it predicts the restart only if the service is told what changed.

    Of many at once it is seen in tests/unit/playbooks.
    """
    forgets, told = {}, {}
    for path in task_files():
        for task in tasks_in(load(path)):
            place = path.parents[1] if path.parent.name == "tasks" else path
            files, service = task.get(f"{OURS}service_files") or {}, task.get(f"{OURS}service") or {}
            if "service" in files:
                forgets.setdefault((place, files["service"]), []).append(task.get("register", task["name"]))
            if "name" in service:
                told.setdefault((place, service["name"]), []).append(str(service.get("inputs")))
    assert forgets
    assert not {
        f"{place.relative_to(ROOT)}: {name}: {result}"
        for (place, name), results in forgets.items()
        for result in results
        if not any(re.search(rf"\b{re.escape(result)}\b", inputs) for inputs in told.get((place, name), []))
    }


# -- the collection


def test_collections_in_use_are_required():
    wanted = {entry["name"]: entry["version"] for entry in load(ROOT / "requirements.yml")["collections"]}
    assert wanted == load(ROOT / "galaxy.yml")["dependencies"]
    used = {
        ".".join(key.split(".")[:2])
        for path in task_files()
        for task in tasks_in(load(path))
        for key in task
        if key.count(".") > 1
    }
    assert used - {"ansible.builtin", "foss_data.platform"} <= set(wanted)


def test_sanity_lists_every_plugin_for_its_licence():
    """ansible-test wants GPL-3.0; this project is MIT, which it has to be told for each file."""
    ignored = (ROOT / "tests" / "sanity" / "ignore-2.19.txt").read_text().splitlines()
    plugins = [
        p for kind in ("modules", "callback", "lookup", "inventory", "vars") for p in (ROOT / "plugins" / kind).glob("*.py")
    ]
    wanted = {f"{p.relative_to(ROOT)} validate-modules:missing-gplv3-license" for p in plugins}
    assert {line for line in ignored if line.endswith(":missing-gplv3-license")} == wanted
