# SPDX-License-Identifier: MIT
"""Pages say what the code does: those made from the profiles, the health topics, the manual pages."""
import glob
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import LIMIT, TOP
from simfix import PROFILES

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
PAGE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../doc/devices.md"))


def page():
    done = subprocess.run([os.path.join(TOP, "xnetctl"), "profiles", "--markdown", "-P", PROFILES],
                          capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_page_of_devices_is_what_the_profiles_say():
    with open(PAGE, encoding="utf-8") as f:
        assert f.read() == page(), "refresh it: ./xnetctl profiles --markdown -P devices >doc/devices.md"


def test_every_profile_is_in_its_table_and_has_a_chapter():
    text = page()
    for file in os.listdir(PROFILES):
        name, kind = os.path.splitext(file)
        if kind == ".yaml":
            assert f"| [{name}](#{name}) |" in text
            assert f"\n## {name}\n" in text


def test_points_of_variants_report_which():
    assert "| `PhaseAngle` (model sdm230) | ° |  | normal | input 0x0024 |" in page()


def text_of(name):
    with open(os.path.join(SOURCE, name), encoding="utf-8") as f:
        return f.read()


def sources(*pattern):
    return "\n".join(text_of(f) for p in pattern for f in sorted(glob.glob(p, root_dir=SOURCE, recursive=True)))


def leaves_of_a_table(code, name):
    """The strings of every `static const char *const name[] = {...}`, with or without designators."""
    tables = re.findall(r"static const char \*const " + name + r"\[[^=]*= *{(.*?)};", code, re.S)
    return {leaf for t in tables for leaf in re.findall(r'"([^"]+)"', t)}


def published():
    """Every leaf below $SYS that a line of the code can publish."""
    code = sources("src/daemon/**/*.c")
    plain = set(re.findall(r'\b(?:health_sys|health_sys_time|publish_moment|north_sys)\([^,()]+(?:->north)?, *"([^"]+)"', code))
    plain |= set(re.findall(r'{"(commands/[a-z]+)", {', code))
    bus = leaves_of_a_table(text_of("src/mqtt/leaves.c"), "bus_leaves")
    device = leaves_of_a_table(text_of("src/mqtt/leaves.c"), "device_leaves")
    plain |= {"mqtt/" + t for t in leaves_of_a_table(text_of("src/mqtt/leaves.c"), "link_leaves")} | {"thingsboard/…"}
    instead = set(re.findall(r'"(instead/[a-z_]+)"', sources("src/core/**/*.c")))
    bus |= set(re.findall(r'\bput(?:_number|_percent)?\(g, [^,"]+, "([^"]+)"', text_of("src/daemon/health/health_bus.c")))
    device |= set(re.findall(r'\bput(?:_time)?\(g, [^,"]+, "([^"]+)"', text_of("src/daemon/health/health_device.c")))
    assert len(plain) >= 20 and len(bus) >= 17 and len(device) >= 14 and len(instead) >= 10
    return plain | {"bus/<bus>/" + t for t in bus | instead} | {"device/<dev>/" + t for t in device | instead}


def test_every_health_topic_is_in_the_page_of_topics_and_no_other():
    chapter = text_of("doc/topics.md").split("\n## Health topics\n")[1]
    documented = re.findall(r"^\| `([^`]+)` \|", chapter, re.M)
    assert len(documented) == len(set(documented))
    assert set(documented) == published()


def test_every_verb_is_in_the_manual_page():
    table = text_of("src/ctl/main.c").split("} verb[] = {")[1].split("};")[0]
    verbs = re.findall(r'{"([a-z-]+)",', table)
    chapter = re.findall(r"^\.(?:It )?Cm ([a-z-]+)", text_of("man/xnetctl.1"), re.M)
    assert len(verbs) >= 10 and set(verbs) <= set(chapter)


def test_every_alert_of_the_gateway_is_in_the_manual_page():
    codes = re.findall(r"ALERT_[A-Z_]+ = (\d+),", text_of("src/daemon/base/gateway.h"))
    chapter = text_of("man/xnetd.8").split(".Ss Alerts\n")[1].split("\n.El")[0]
    assert len(codes) >= 10 and re.findall(r"^\.It (\d+)$", chapter, re.M) == codes


@pytest.mark.parametrize("page", ["xnetd.8", "xnetctl.1", "xnet-web.8", "devices.yaml.5"])
def test_a_manual_page_renders_without_a_warning(page):
    file = os.path.join(SOURCE, "man", page)
    if not shutil.which("man"):
        pytest.skip("no man")
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", file], capture_output=True,
                          text=True, timeout=LIMIT, env={**os.environ, "LC_ALL": "C.UTF-8",
                                                         "MANWIDTH": "80"})
    assert (done.returncode, done.stderr) == (0, "")
    assert text_of("man/" + page).startswith(".Dd "), "in mdoc, as the others"
    if shutil.which("mandoc"):
        lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", file], capture_output=True, text=True, timeout=LIMIT)
        assert lint.stdout == ""


def verbs_of_the_manual():
    """{verb: the text of its entries} of xnetctl(1)."""
    text = text_of("man/xnetctl.1")
    text = text[text.index(".Ss Verbs\n"):text.index(".Ss Simulating a line")]
    entries = {}
    for part in re.split(r"^\.It (?=Cm|Xo)", text, flags=re.M)[1:]:
        verb = re.match(r"(?:Xo\n\.)?Cm (\S+)", part).group(1)
        entries[verb] = entries.get(verb, "") + part.split("\n.Ss")[0].split("\n.Pp\nAll of them")[0]
    return entries


def test_the_manual_has_the_verbs_and_options_of_xnetctl():
    def help_of(*arguments):
        return subprocess.run([os.path.join(TOP, "xnetctl"), *arguments, "--help"], capture_output=True, text=True,
                              timeout=LIMIT).stdout

    manual = verbs_of_the_manual()
    verbs = re.findall(r"^  ([a-z-]+) ", help_of(), re.M)
    means = dict(re.findall(r"^  (\d+) +(.+)", help_of(), re.M))
    chapter = re.search(r"^\.Sh EXIT STATUS\n(.*?)^\.Sh", text_of("man/xnetctl.1"), re.M | re.S).group(1)
    assert dict(re.findall(r"^\.It (\d+)\n(.+)", chapter, re.M)) == means
    for verb in verbs:
        codes = re.search(r"Exit status: ((?:.|\n)*)", help_of(verb))
        assert set(re.findall(r"(?:^|[;,] )(\d+)\s", codes.group(1) if codes else "")) <= set(means), verb
    assert set(verbs) - {"completion-words"} == set(manual) - {"completion-words"}
    page = text_of("man/xnetctl.1")
    shared = set(re.findall(r"^\.It Fl \w , Fl -([a-z-]+)|^\.It Fl -([a-z-]+)", page, re.M))
    shared = {a or b for a, b in shared}
    for verb in verbs:
        known = set(re.findall(r"^ +(?:-\w, )?--([a-z-]+)", help_of(verb), re.M))
        said = set(re.findall(r"Fl -([a-z-]+)", manual.get(verb, "") if verb != "web" else text_of("man/xnet-web.8")))
        assert known <= said | shared, f"{verb}: not in the manual: {known - said - shared}"
        assert said <= known | {"help"}, f"{verb}: in the manual, but not in its help: {said - known}"


def test_every_claim_about_security_names_a_test_that_exists():
    rows = [r for r in text_of("doc/security.md").splitlines() if r.startswith("| ") and "held by" not in r]
    assert len(rows) > 15
    for row in rows:
        held = row.rstrip(" |").rsplit("|", 1)[1]
        names = re.findall(r"\b(unit|system|fuzz|package)/(\w+)(?:::(\w+))?", held)
        assert names, f"no test holds: {row}"
        for folder, file, test in names:
            found = glob.glob(os.path.join(SOURCE, "tests", folder, file + "*"))
            found = [f for f in found if re.fullmatch(file + r"(\.c|\.py)?", os.path.basename(f)) and not f.endswith(".o")]
            assert found, f"tests/{folder}/{file} does not exist"
            code = "".join(text_of(f) for f in found if f.endswith((".c", ".py")))
            assert not test or re.search(rf"\b(def|void) {test}\(", code), f"{folder}/{file} has no {test}"


def test_the_pictures_of_the_numbers_are_drawn_from_their_table():
    with open(os.path.join(SOURCE, "doc/numbers.md"), encoding="utf-8") as f:
        done = subprocess.run([sys.executable, os.path.join(SOURCE, "doc/draw-numbers.py")], stdin=f, capture_output=True,
                              text=True, timeout=LIMIT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == text_of("doc/numbers.svg"), "python3 doc/draw-numbers.py <doc/numbers.md >doc/numbers.svg"
