"""tails: what is done to the largest and smallest drawn numbers of a column.

May import the table, trees and lower floors.
"""

from gpusynth.methods.tails.specification import Tail, parse_tail
from gpusynth.methods.tails.treatment import TailTreatment, fit_tail

__all__ = ["Tail", "TailTreatment", "fit_tail", "parse_tail"]
