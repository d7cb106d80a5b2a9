"""Files of MATLAB 7.3, written by h5py as MATLAB does: HDF5 behind 512 bytes, with axes turned and classes said."""

import h5py
import numpy as np
from scipy import sparse

CLASSES = {"f8": "double", "f4": "single", "b1": "logical", "i1": "int8", "u1": "uint8", "i2": "int16", "u2": "uint16"}


def write_73(path, variables):
    """Write numbers, texts, lists (cells), dicts (structs), lists of dicts (arrays of structs) and sparse matrices."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_group("#refs#")
        for name, value in variables.items():
            put(file, file, name, value)
    with open(path, "r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def put(file, group, name, value):
    """Write one value as a member of a group, and return it."""
    if isinstance(value, dict):
        node = group.create_group(name)
        node.attrs["MATLAB_class"] = np.bytes_("struct")
        for key, one in value.items():
            put(file, node, key, one)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        node = group.create_group(name)
        node.attrs["MATLAB_class"] = np.bytes_("struct")
        for key in value[0]:
            node[key] = references(file, [one[key] for one in value])
    elif isinstance(value, list):
        node = group.create_dataset(name, data=references(file, value))
        node.attrs["MATLAB_class"] = np.bytes_("cell")
    elif isinstance(value, str):
        node = group.create_dataset(name, data=np.array([[ord(one)] for one in value], np.uint16))
        node.attrs["MATLAB_class"] = np.bytes_("char")
    elif sparse.issparse(value):
        node, held = group.create_group(name), value.tocsc()
        node.attrs["MATLAB_class"] = np.bytes_("double")
        node.attrs["MATLAB_sparse"] = np.uint64(held.shape[0])
        parts = {"data": held.data, "ir": held.indices.astype(np.uint64), "jc": held.indptr.astype(np.uint64)}
        for key, one in parts.items():
            node[key] = one
    else:
        array = np.atleast_2d(value)
        stored = array.astype(np.uint8) if array.dtype.kind == "b" else array
        node = group.create_dataset(name, data=stored.T, compression="gzip")
        node.attrs["MATLAB_class"] = np.bytes_(CLASSES[array.dtype.str[1:]])
    return node


def references(file, values):
    """Put values among the references of a file, and return these as a column of cells, axes turned."""
    refs = file["#refs#"]
    return np.array([[put(file, refs, f"r{len(refs)}", one).ref for one in values]], h5py.ref_dtype)
