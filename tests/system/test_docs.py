"""Pages that are made from the profiles are up to date."""
import os
import subprocess

from conftest import LIMIT, TOP
from simfix import PROFILES

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


def test_points_of_variants_say_which():
    assert "| `PhaseAngle` (model sdm230) | ° |  | normal | input 0x0024 |" in page()
