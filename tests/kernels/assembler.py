"""The assembler of CUDA's toolkit, where it is installed: what a kernel takes of the device."""

import re
import shutil
import subprocess

THREADS = {"search_tables": 128, "search_rows": 64, "search_cuts": 64, "search_few": 64}
"""Threads of a block that is not of the 256 of all others."""

DYNAMIC_BYTES = {"count_codes": 49_152}
"""Shared memory that a launch asks for."""

_REGISTERS = 65_536
"""Of a multiprocessor, from compute capability 7.0 on."""

_SHARED_BYTES = 49_152
"""What a block may have without asking for more."""


def _program(ptx):
    """Return the assembler, or None where there is none that knows PTX of this version."""
    program = shutil.which("ptxas")
    if program is None:
        return None
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    release = re.search(r"release (\d+)\.(\d+)", text.stdout)
    asked = re.search(r"^\.version (\d+)\.(\d+)", ptx, re.MULTILINE)
    # CUDA 13.0 brought PTX 9.0, and each minor release a minor version since
    known = (int(release[1]) - 4, int(release[2])) if release else (0, 0)
    return program if known >= (int(asked[1]), int(asked[2])) else None


def check_assembled(name, ptx, capability, directory):
    """Check that a kernel's PTX fits the blocks that it is launched in, with nothing spilled."""
    program = _program(ptx)
    if program is None:
        return
    file = directory / f"{name}.ptx"
    file.write_text(ptx, encoding="utf-8")
    architecture = "".join(map(str, capability))
    command = [program, "-v", f"-arch=sm_{architecture}", str(file), "-o", str(directory / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" in done.stderr
    registers = int(re.search(r"Used (\d+) registers", done.stderr)[1])
    assert registers * THREADS.get(name, 256) <= _REGISTERS
    shared = re.search(r"(\d+) bytes smem", done.stderr)
    static_bytes = int(shared[1]) if shared else 0
    assert static_bytes + DYNAMIC_BYTES.get(name, 0) <= _SHARED_BYTES
