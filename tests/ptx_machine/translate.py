"""PTX of a kernel as C for `machine.c`: what NVIDIA's compiler made of it runs on the processor.

Only the instructions that our kernels use are known; any other is an error. The reference is
NVIDIA's "Parallel Thread Execution ISA", version 9.0.
"""

import re
import struct

_C_TYPES = {
    "u8": "uint8_t",
    "u16": "uint16_t",
    "u32": "uint32_t",
    "u64": "uint64_t",
    "s16": "int16_t",
    "s32": "int32_t",
    "s64": "int64_t",
    "b16": "uint16_t",
    "b32": "uint32_t",
    "b64": "uint64_t",
    "f64": "double",
    "pred": "uint8_t",
}
_REGISTERS = {"%p": "uint8_t", "%rs": "uint16_t", "%r": "uint32_t", "%rd": "uint64_t"} | {
    "%fd": "double"
}
_SPECIAL = {
    "%tid.x": "me->thread",
    "%ctaid.x": "me->block",
    "%ntid.x": "n_threads_",
    "%nctaid.x": "n_blocks_",
    "%dynamic_smem_size": "dynamic_bytes",
}
_BINARY = {"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^", "mul": "*", "div": "/"} | {
    "rem": "%"
}
_COMPARED = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_UNORDERED = {"ltu": ">=", "leu": ">", "gtu": "<=", "geu": "<", "neu": "=="}
"""Comparisons that hold for NaN too: the negation of the opposite ordered one."""


_TO_WHOLE = {"rni": "rint", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}
"""How a float becomes a whole number, as a float or an integer."""


class _Kernel:
    """The parts of one kernel's PTX."""

    def __init__(self, text: str) -> None:
        self.static_bytes = 0
        self.shared: dict[str, int] = {}
        self.dynamic = ""
        for line in text.splitlines():
            if found := re.match(r"\.visible \.shared \.align \d \.b8 (\w+)\[(\d+)\]", line):
                self.shared[found[1]] = self.static_bytes
                self.static_bytes += -(-int(found[2]) // 8) * 8
            elif found := re.match(r"\.extern \.shared \.align \d+ \.b8 (\w+)\[\]", line):
                self.dynamic = found[1]
        if self.dynamic:
            self.shared[self.dynamic] = self.static_bytes

    def value(self, text: str, kind: str) -> str:
        """Return an operand as C of a type."""
        c_type = _C_TYPES[kind]
        if text in _SPECIAL:
            return f"({c_type}){_SPECIAL[text]}"
        if text.startswith("%"):
            return f"({c_type}){text[1:]}"
        if text.startswith("0d"):
            return struct.unpack(">d", bytes.fromhex(text[2:]))[0].hex()
        if text in self.shared:
            return f"{self.shared[text]}u"
        number = int(text)
        if kind == "pred":
            return str(int(number != 0))
        return f"({c_type})" + ("INT64_MIN" if number == -(1 << 63) else f"{number}LL")

    def address(self, text: str) -> str:
        """Return the address of ``[%rd1+-8]`` or ``[name+8]``."""
        base, _, offset = text[1:-1].partition("+")
        return f"({self.value(base, 'u64')} + (uint64_t){int(offset or 0)}LL)"


def _wide_or_bits(name: str, kind: str, values: list[str], rest: set[str]) -> str:
    """Return the C of instructions on fields of bits, of high halves, and of three operands."""
    c_type, bits = _C_TYPES[kind], int(kind[1:])
    if name in ("bfi", "bfe"):
        return f"{name.upper()}({c_type}, {bits}, {', '.join(values)})"
    if name in ("popc", "clz"):
        return f"{name.upper()}({bits}, {values[0]})"
    if name == "abs":
        return f"{values[0]} < 0 ? -{values[0]} : {values[0]}"
    if "hi" in rest:
        wide = "__int128" if kind == "s64" else "unsigned __int128"
        return f"({c_type})((({wide}){values[0]} * ({wide}){values[1]}) >> {bits})"
    if "wide" in rest:
        wide = c_type.replace("32", "64")
        return f"({wide}){values[0]} * ({wide}){values[1]} + ({wide}){values[2]}"
    return f"{values[0]} * {values[1]} + {values[2]}"


def _expression(kernel: _Kernel, name: str, kind: str, operands: list[str], rest: set[str]) -> str:
    """Return the C of an instruction that gives a value; `kind` is its last type."""
    values = [kernel.value(operand, kind) for operand in operands if operand[0] != "["]
    c_type = _C_TYPES[kind]
    if name == "mul" and "wide" in rest:
        wide = c_type.replace("32", "64")
        return f"({wide}){values[0]} * ({wide}){values[1]}"
    if name in ("bfi", "bfe", "mad", "popc", "clz", "abs") or "hi" in rest:
        return _wide_or_bits(name, kind, values, rest)
    if name in _BINARY:
        return f"{values[0]} {_BINARY[name]} {values[1]}"
    if name in ("shl", "shr"):
        amount = kernel.value(operands[1], "u32")
        return f"{name.upper()}({c_type}, {kind[1:]}, {values[0]}, {amount})"
    if name in ("min", "max"):
        sign = "<" if name == "min" else ">"
        return f"{values[0]} {sign} {values[1]} ? {values[0]} : {values[1]}"
    if name == "not":
        return f"!{values[0]}" if kind == "pred" else f"~{values[0]}"
    if name == "neg":
        return f"-{values[0]}"
    if name == "selp":
        return f"{operands[2][1:]} ? {values[0]} : {values[1]}"
    whole = rest & _TO_WHOLE.keys()
    if name == "cvt" and kind == "f64" and whole:
        return f"{_TO_WHOLE[whole.pop()]}({values[0]})"
    if name in ("mov", "cvt", "cvta"):
        return values[0]
    raise ValueError(f"the instruction {name}.{kind} is not known")


def _setp(kernel: _Kernel, parts: list[str], operands: list[str]) -> str:
    a, b = (kernel.value(operand, parts[2]) for operand in operands[1:])
    if parts[1] in _UNORDERED:
        return f"{operands[0][1:]} = !({a} {_UNORDERED[parts[1]]} {b});"
    return f"{operands[0][1:]} = {a} {_COMPARED[parts[1]]} {b};"


def _memory(kernel: _Kernel, parts: list[str], operands: list[str], line: int) -> str:
    """Return the C of a load, a store or an atomic operation."""
    name, space, kind = parts[0], parts[1], parts[-1]
    c_type = _C_TYPES[kind]
    suffix = "_SHARED" if space == "shared" else ""
    if name == "ld" and space == "param":
        place = re.search(r"_param_(\d+)\]", operands[1])
        return f"{operands[0][1:]} = *({c_type} *)params[{place[1]}];"
    if name == "ld":
        address = kernel.address(operands[1])
        return f"{operands[0][1:]} = LOAD{suffix}({c_type}, {address}, {line});"
    if name == "st":
        value = kernel.value(operands[1], kind)
        return f"STORE{suffix}({c_type}, {kernel.address(operands[0])}, {value}, {line});"
    sign = {"add": "+", "or": "|"}[parts[2]]
    reach = f"reach{suffix.lower()}({kernel.address(operands[1])}, sizeof({c_type}), ADDS, {line})"
    value = kernel.value(operands[2], kind)
    return f"{operands[0][1:]} = ATOMIC({c_type}, {reach}, {sign}, {value});"


def _statement(kernel: _Kernel, text: str, line: int) -> str:
    guard = ""
    if found := re.match(r"@(!?)%(p\d+)\s+(.*)", text):
        guard, text = f"if ({found[1]}{found[2]}) ", found[3]
    operation, _, rest = text.partition(" ")
    parts = operation.split(".")
    operands = [operand.strip() for operand in rest.split(",")] if rest.strip() else []
    name = parts[0]
    if name == "ret":
        made = "return;"
    elif name == "bra":
        made = f"goto {operands[0].replace('$', '_')};"
    elif name == "bar":
        made = f"wait_for_all({line});"
    elif name in ("ld", "st", "atom"):
        made = _memory(kernel, parts, operands, line)
    elif name == "setp":
        made = _setp(kernel, parts, operands)
    else:
        value = _expression(kernel, name, parts[-1], operands[1:], set(parts))
        if name == "cvt":
            value = f"({_C_TYPES[parts[-2]]}){value}"
        made = f"{operands[0][1:]} = {value};"
    return guard + made


def translate(ptx: str) -> tuple[str, int]:
    """Return a kernel's PTX as C, and the bytes of its static shared memory."""
    kernel = _Kernel(ptx)
    body = ptx[ptx.index("\n{\n") + 3 : ptx.rindex("}")]
    lines = ["static void thread_of_kernel(uint64_t **params) {"]
    for number, raw in enumerate(body.splitlines(), 1):
        text = raw.split("//")[0].strip().rstrip(";").replace("\t", " ")
        if not text or text.startswith(".pragma"):
            continue
        if found := re.match(r"\.reg \.\w+\s+(%[a-z]+)<(\d+)>", text):
            names = ", ".join(f"{found[1][1:]}{i} = 0" for i in range(int(found[2])))
            lines.append(f"{_REGISTERS[found[1]]} {names};")
        elif text.endswith(":"):
            lines.append(text.replace("$", "_") + ";")
        else:
            lines.append(_statement(kernel, text, number))
    return '#include "machine.c"\n' + "\n".join([*lines, "}", ""]), kernel.static_bytes
