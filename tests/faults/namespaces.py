"""Commands with mounts or interfaces of their own, which only Linux and root can have, or with fewer rights."""

import os
import shutil
import subprocess

import pytest


def unshare(*options: str, script: str) -> list[str]:
    """The command that runs a shell script in namespaces of its own; the test is skipped where there are none."""
    if os.geteuid() or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare")
    command = ["unshare", *options, "sh", "-c"]
    if subprocess.run([*command, "mount -t tmpfs none /mnt"], capture_output=True, check=False).returncode:
        pytest.skip("no namespaces here")
    return [*command, script]


def bound_by_permissions() -> list[str]:
    """What stands before a command that is to respect the permissions of files, which root does not by itself."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv, or another user than root")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
