"""What functions run, as one zip: the package without its compiled part, which no function needs.

Made byte for byte the same from the same files, so that its name can be its digest, and a stack whose code has not
changed is not changed. boto3 comes with Lambda's runtime.
"""

import io
import zipfile
from pathlib import Path

import readvault

# Zip knows no earlier date; the files' own would differ with every checkout.
_DATE = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16


def function_zip() -> bytes:
    """The zip."""
    root = Path(readvault.__file__).parent
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for path in sorted(root.rglob("*.py")):
            entry = zipfile.ZipInfo(str(Path(root.name, path.relative_to(root)).as_posix()), _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # As on Unix, whatever this is made on.
            entry.create_system = 3
            entry.external_attr = _READABLE
            made.writestr(entry, path.read_bytes())
    return content.getvalue()
