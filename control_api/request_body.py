"""The body of a request: bounded in size and in time, declared as JSON."""

import asyncio
from typing import Final, cast
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import MultiDict

from control_api.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from control_api.json_body import parse_json

BODY_TIMEOUT_S: Final = 15
UPLOAD_TIMEOUT_S: Final = 120
WAV_TYPES: Final = ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")
FORM_TYPE: Final = "application/x-www-form-urlencoded"
UPLOAD_TYPE: Final = "multipart/form-data"
MAX_FORM_FIELDS: Final = 500
MAX_WAV_BYTES: Final = 16 * 1024 * 1024
_MAX_UPLOAD_FIELDS: Final = 20
_MAX_FIELD_BYTES: Final = 4096
_MOST_PARTS: Final = _MAX_UPLOAD_FIELDS + 1
_MOST_LINES: Final = _MOST_PARTS * 150  # around the parts of a form; aiohttp takes 128 header lines of each
_BYTES_AT_ONCE: Final = 65_536
_READS_AT_ONCE: Final = 64
_CHARSETS: Final = ("utf-8", "utf8")
_CODINGS: Final = ("", "identity", "gzip", "deflate")  # those that are undone before the body comes here, and none
# What reading fails with where the connection is gone: why it is, or what aiohttp says of one that was gone before.
_GONE: Final = (OSError, RuntimeError)
_NOT_JSON: Final = "The body must be sent as Content-Type: application/json, in UTF-8."


async def read_json(request: web.Request, max_body_bytes: int) -> object:
    """The parsed body. Raises PayloadTooLarge, UnsupportedMediaType, InvalidRequest, in this order."""
    raw = await _read(request, max_body_bytes)
    _check_type(request)
    return parse_json(raw)


async def read_optional_json(request: web.Request, max_body_bytes: int) -> object:
    """The same where a body is not needed: without one it is None."""
    if not request.can_read_body:
        return None
    raw = await _read(request, max_body_bytes)
    if not raw:
        return None
    _check_type(request)
    return parse_json(raw)


async def read_raw(request: web.Request, max_body_bytes: int) -> bytes:
    """The body as it came, to be checked against a signature. Errors as above."""
    raw = await _read(request, max_body_bytes)
    _check_type(request)
    return raw


async def read_wav(request: web.Request, max_body_bytes: int) -> bytes:
    """A WAV file that is the body; what it is called matters, what is in it is for others to judge. Errors as above."""
    if media_type_of(request) not in WAV_TYPES:
        raise UnsupportedMediaType("The body must be a WAV file, sent as Content-Type: audio/wav.")
    return await _read(request, max_body_bytes, UPLOAD_TIMEOUT_S)


async def read_form(request: web.Request, max_body_bytes: int) -> MultiDict[str]:
    """The fields of a page's form, in UTF-8, at most `MAX_FORM_FIELDS`. Errors as above."""
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != FORM_TYPE:
        raise UnsupportedMediaType(f"The form must be sent as Content-Type: {FORM_TYPE}.")
    raw = await _read(request, max_body_bytes)
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS)
    except ValueError:  # text that is no UTF-8 too
        raise InvalidRequest("The form could not be read.") from None
    return MultiDict(pairs)


async def read_upload(request: web.Request, max_file_bytes: int) -> tuple[MultiDict[str], bytes]:
    """The few fields of a page's form (RFC 7578) and its file, empty where none was chosen. Errors as above."""
    if media_type_of(request) != UPLOAD_TYPE:
        raise UnsupportedMediaType(f"The form must be sent as Content-Type: {UPLOAD_TYPE}.")
    if (request.content_length or 0) > _most_of_form(max_file_bytes):
        raise _too_large_a_file(max_file_bytes)
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT_S):
            metered = cast(StreamReader, _Metered(request.content, max_file_bytes))
            return await _parts(MultipartReader(request.headers, metered), max_file_bytes)
    except TimeoutError:
        raise InvalidRequest("The body did not arrive in time.") from None
    except (ValueError, HttpProcessingError, web.RequestPayloadError):
        raise InvalidRequest("The form could not be read.") from None
    except _GONE as error:
        raise _left(request, error) from None


def has_left(request: web.BaseRequest) -> bool:
    """Whether the client has closed the connection meanwhile."""
    return request.transport is None or request.transport.is_closing()


def _left(request: web.Request, error: OSError | RuntimeError) -> Exception:
    """What came of a body: nobody will read it of a client that has left, and there is no defect to report."""
    return InvalidRequest("The body did not arrive.") if has_left(request) else error


class _Metered:
    """A body as aiohttp reads a form from it: bounded as a whole, what stands before and between the parts too, and
    others have turns meanwhile. Of itself aiohttp waits for nothing while there is something to read, and where that is
    packed, it unpacks more of it whenever some has been read."""

    def __init__(self, content: StreamReader, max_file_bytes: int) -> None:
        self._content = content
        self._max_file_bytes = max_file_bytes
        self._left = _most_of_form(max_file_bytes)
        self._lines = self._reads = self._bytes = 0

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        self._lines += 1
        if self._lines > _MOST_LINES:
            raise InvalidRequest("The form could not be read.")
        return await self._metered(await self._content.readline(max_line_length=max_line_length))

    async def read(self, size: int) -> bytes:
        return await self._metered(await self._content.read(size))

    def unread_data(self, data: bytes) -> None:
        self._left += len(data)
        self._content.unread_data(data)

    def at_eof(self) -> bool:
        return self._content.at_eof()

    async def _metered(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise _too_large_a_file(self._max_file_bytes)
        self._reads += 1
        self._bytes += len(data)
        if self._reads >= _READS_AT_ONCE or self._bytes >= _BYTES_AT_ONCE:
            self._reads = self._bytes = 0
            await asyncio.sleep(0)
        return data


def _most_of_form(max_file_bytes: int) -> int:
    return max_file_bytes + _MAX_UPLOAD_FIELDS * _MAX_FIELD_BYTES


def _too_large_a_file(max_file_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The file is larger than {max_file_bytes} bytes.")


async def _parts(reader: MultipartReader, max_file_bytes: int) -> tuple[MultiDict[str], bytes]:
    fields: MultiDict[str] = MultiDict()
    file = b""
    read = 0
    while (part := await reader.next()) is not None:
        read += 1
        if not isinstance(part, BodyPartReader) or part.name is None or read > _MOST_PARTS:
            raise InvalidRequest("The form could not be read.")
        if part.filename is not None:
            file = await _read_part(part, max_file_bytes)
        else:
            fields.add(part.name, (await _read_part(part, _MAX_FIELD_BYTES)).decode("utf-8"))
    return fields, file


async def _read_part(part: BodyPartReader, max_bytes: int) -> bytes:
    content = bytearray()
    while piece := await part.read_chunk(_BYTES_AT_ONCE):
        content += piece
        if len(content) > max_bytes:
            raise _too_large_a_file(max_bytes)
    return bytes(content)


async def read_text(request: web.Request, max_body_bytes: int, media_types: tuple[str, ...]) -> str:
    """A body of one of these media types, in UTF-8. Errors as above."""
    if media_type_of(request) not in media_types:
        raise UnsupportedMediaType(f"The body must be sent as Content-Type: {' or '.join(media_types)}.")
    try:
        return (await _read(request, max_body_bytes)).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest("The body is not UTF-8.") from None


def media_type_of(request: web.Request) -> str:
    """What the body is said to be, without parameters."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _check_type(request: web.Request) -> None:
    """Parameters mean nothing to JSON (RFC 8259 section 11), but another charset says that it is none of ours."""
    media_type, *parameters = request.headers.get("Content-Type", "").split(";")
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMediaType(_NOT_JSON)
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in _CHARSETS:
            raise UnsupportedMediaType(_NOT_JSON)
    if request.headers.get("Content-Encoding", "").strip().lower() not in _CODINGS:
        raise UnsupportedMediaType("The body may be compressed with gzip or deflate alone.")


async def _read(request: web.Request, max_body_bytes: int, timeout_s: float | None = None) -> bytes:
    """The whole body, decompressed. It is never held beyond the limit."""
    if (request.content_length or 0) > max_body_bytes:
        raise PayloadTooLarge(f"The body is larger than {max_body_bytes} bytes.")
    stream = request.content
    try:
        if stream.is_eof():  # it came together with its headers, as nearly all do
            raw = stream.read_nowait()
        else:
            async with asyncio.timeout(BODY_TIMEOUT_S if timeout_s is None else timeout_s):
                raw = await _read_pieces(request, max_body_bytes)
    except TimeoutError:
        raise InvalidRequest("The body did not arrive in time.") from None
    except web.RequestPayloadError:
        raise InvalidRequest("The body could not be read.") from None
    except _GONE as error:
        raise _left(request, error) from None
    if len(raw) > max_body_bytes:
        raise PayloadTooLarge(f"The body is larger than {max_body_bytes} bytes.")
    return raw


async def _read_pieces(request: web.Request, max_body_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while size <= max_body_bytes:
        piece = await request.content.readany()
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
        if size > _BYTES_AT_ONCE:  # of what is packed, each piece may be here at once, without any waiting
            await asyncio.sleep(0)
    return b"".join(pieces)
