"""stored: fitted models as a JSON document and arrays, and back, without pickle.

What a model holds of a real column is not stored but named, and looked up in the table that the
reader brings. Classes are found by a closed list of names; every field, dtype, shape and bound is
checked on reading, because kernels check nothing. May import methods and the floors below.
"""

from gpusynth.methods.stored.context import ModelContext, StoredModels
from gpusynth.methods.stored.models import decode_models, encode_models, is_storable

__all__ = ["ModelContext", "StoredModels", "decode_models", "encode_models", "is_storable"]
