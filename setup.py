"""What is compiled: the packet path, the reading of plain SIP messages and session descriptions, what SIP messages are
made of, and the queue of their timers. Where there is no compiler the package is built without them, and Python does
the same.

`MASKBRIDGE_SANITIZE=1` builds them with AddressSanitizer and UndefinedBehaviorSanitizer.
"""

import os
from pathlib import Path

from setuptools import Extension, setup

HERE = Path("media/packet_path")
# No fused multiply-add: its Python twin rounds twice, and both are to send the same bytes.
COMPILE = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-strict-aliasing", "-pthread", "-Wall", "-Wextra"]
SANITIZE = ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
sanitized = os.environ.get("MASKBRIDGE_SANITIZE") == "1"
sanitize = SANITIZE if sanitized else []


def compiled(module: str) -> Extension:
    """A module that Python does without, only slower."""
    return Extension(
        module,
        sources=[f"{module.replace('.', '/')}.pyx"],
        extra_compile_args=["-std=c11", "-O2", "-fno-strict-aliasing", *sanitize],
        extra_link_args=sanitize,
        optional=not sanitized,
    )


setup(
    ext_modules=[
        Extension(
            "media.packet_path._native",
            sources=[str(HERE / "_native.pyx"), *sorted(map(str, HERE.glob("native/*.c")))],
            depends=sorted(map(str, [*HERE.glob("native/*.h"), *HERE.glob("*.pxi"), *HERE.glob("*.pxd")])),
            include_dirs=[str(HERE)],
            define_macros=[("_GNU_SOURCE", "1")],
            extra_compile_args=[*COMPILE, *sanitize],
            extra_link_args=["-pthread", *sanitize],
            optional=not sanitized,
        ),
        compiled("b2bua.sip._message_parts"),
        compiled("b2bua.sip._plain"),
        compiled("b2bua.sip._timers"),
        compiled("media.sdp._plain"),
    ]
)
