"""Disclosure: what the synthetic file tells about the people or firms in the real one."""

from gpusynth.evaluate.disclosure.attack import AttackRisk
from gpusynth.evaluate.disclosure.attribute import AttributeDisclosure, attribute_disclosure
from gpusynth.evaluate.disclosure.checks import DisclosureChecks, disclosure_checks
from gpusynth.evaluate.disclosure.closest import ClosestRecords, closest_records
from gpusynth.evaluate.disclosure.dominance import (
    CellDominance,
    SensitiveCells,
    cell_dominance,
    sensitive_cells,
)
from gpusynth.evaluate.disclosure.exclusions import Exclusions
from gpusynth.evaluate.disclosure.inference_attack import inference_attack
from gpusynth.evaluate.disclosure.linkability import linkability
from gpusynth.evaluate.disclosure.matches import RecordMatches, record_matches, replicated_rows
from gpusynth.evaluate.disclosure.membership import MembershipInference, membership_inference
from gpusynth.evaluate.disclosure.singling_out import singling_out
from gpusynth.evaluate.disclosure.tails import TailCounts, TailReport, tail_report

__all__ = [
    "AttackRisk",
    "AttributeDisclosure",
    "CellDominance",
    "ClosestRecords",
    "DisclosureChecks",
    "Exclusions",
    "MembershipInference",
    "RecordMatches",
    "SensitiveCells",
    "TailCounts",
    "TailReport",
    "attribute_disclosure",
    "cell_dominance",
    "closest_records",
    "disclosure_checks",
    "inference_attack",
    "linkability",
    "membership_inference",
    "record_matches",
    "replicated_rows",
    "sensitive_cells",
    "singling_out",
    "tail_report",
]
