"""What the text of a failure notice says: that mail failed, for whom, and which mail (RES-19).

Servers that write no RFC 3464 report write to people, in many languages, and each in its own words; what they share is
how they set out the addresses. So the words only tell a notice from other mail, and the layout tells the addresses.
Every pattern here is bounded or anchored: notices come from strangers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from onefold.channels.delivery_reports import status_is_permanent
from onefold.receiving.normalise import MESSAGE_ID_LENGTH

_NOTICE_LENGTH = 100_000
_OPENING_LENGTH = 1_500
_MOST_LINES = 2_000
_LINE_LENGTH = 2_000
_MOST_RECIPIENTS = 200


def one_of(patterns: str) -> re.Pattern[str]:
    """What any line of the patterns matches, whatever its case; for text whose white space is single spaces."""
    return re.compile("|".join(line.strip() for line in patterns.strip().splitlines()), re.IGNORECASE)


# Letters of alphabets that part words by spaces: next to Chinese or Japanese an address has no space around it.
_LETTERS = "A-Za-z0-9_\u00c0-\u02af\u0370-\u052f"
_LOCAL = rf"[{_LETTERS}.!#$%&*+=^`{{|}}~-][{_LETTERS}.!#$%&'*+=^`{{|}}~-]{{0,79}}"
_DOMAIN = rf"[{_LETTERS}](?:[{_LETTERS}-]{{0,62}})(?:\.[{_LETTERS}][{_LETTERS}-]{{0,62}}){{1,10}}"
_ADDRESS = rf'(?:(?<![{_LETTERS}.!#$%&*+=^`{{|}}~-]){_LOCAL}|"[^"\n]{{1,64}}")@{_DOMAIN}'
_BRACKETED = r"<(?:mailto:)?([^<>\s@:]{1,64}@[^<>\s@:]{1,255})>"
_ADDRESSES = re.compile(rf"{_BRACKETED}|({_ADDRESS})")

_LEADING = re.compile(
    rf"[\s>*•·«„“'\"–-]{{0,20}}(?:{_BRACKETED}|({_ADDRESS}))['\"”»]?"
    r"(?:\s{0,5}(?:[:：(\[]|\.\.\.|<mailto:)|\s{1,5}(?:on|am|le|el|il|em|op|den|la)\s{1,5}(?:\w{2,12}[,.]?\s)?\d)"
)


def _label(words: str) -> re.Pattern[str]:
    """A line that begins with one of the words and a colon, and what follows it."""
    return re.compile(rf"[\s>*•|-]{{0,20}}(?:{words})\s{{0,5}}[:：|]\s{{0,20}}(.{{1,1000}})", re.IGNORECASE)


_RECIPIENT = _label(
    r"(?:(?:failed|original|final|intended) )?recipients?(?: address(?:es)?)?(?:\(e?s\))?|(?:unknown )?user|mailbox"
    r"|empfänger(?:adresse)?|(?:adresse du )?destinataires?|destinat[aá]ri[oa]s?|ontvanger|mottagare|odbiorca"
    r"|получател[ьи]|адресат|收件人|受信者|宛先|あて先|받는 사람"
)
# The mail that a notice is about may be described in such lines, too.
_TO = _label(r"to|address(?:es)?|e-?mail(?: address)?|an|adresse|à|para|a|aan|till|do|кому|адрес")
_EXPANDED = re.compile(
    rf"({_ADDRESS})>?\s{{1,20}}\((?:ultimately )?(?:generated|expanded) from\s{{1,20}}<?({_ADDRESS})>?\)", re.IGNORECASE
)
_SUCCEEDED = re.compile(r"(?:success|erfolgreich|con éxito|avec succès|успешно)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?=\s)|[。！？]|\n[ \t]{0,80}\n")
_RULE = re.compile(r"\s*[-_=*#]{3,}|\s*$")

_RETURNED = re.compile(
    r"^[ \t>]{0,80}(?:[-_=*#]{2,80}.{0,60}?(?:original|copy of|returned message|message headers?\b|unsent|ursprünglich"
    r"|kopie|message d.origine|исходн|元の)|original message follows|(?:original message|ursprüngliche nachrichten"
    r"|en-t[êe]tes de message d.origine|encabezados de(?:l)? mensajes? original|元のメッセージ)"
    r".{0,20}?(?:headers?|kopf|origin|original|ヘッダー).{0,5}$)"
    r"|^>?[ \t]?(?:return-path|received|message-id|dkim-signature|mime-version):",
    re.IGNORECASE | re.MULTILINE,
)
_RETURNED_ID = {
    name: re.compile(
        rf"^[ \t>|]{{0,20}}{name}:[ \t]{{0,20}}(.{{0,2000}}(?:\n[ \t>|]{{1,20}}<.{{0,2000}}){{0,50}})", re.I | re.M
    )
    for name in ("message-id", "in-reply-to", "references")
}
_RETURNED_TO = re.compile(r"^[ \t>|]{0,20}To:(.{0,2000})", re.IGNORECASE | re.MULTILINE)

# What tells a notice from other mail.


_FAILURE_SUBJECT = one_of(
    r"""
    undeliver|delivery (?:status notification|failure|has failed|report|problem|error|unsuccessful)
    (?:mail|message|delivery) (?:\w+ )?(?:delivery )?(?:failed|failure|undeliverable)
    failure (?:notice|delivery)
    returned (?:mail|to sender|message)|mail system error|non.?delivery|nondeliverable
    could not (?:be )?(?:send|sent|deliver)
    (?:couldn.t|was not|wasn.t|not) (?:be )?delivered|delivery delayed|delayed (?:mail|delivery)
    delay(?:ed)?\b.{0,30}hours
    unzustellbar|nicht zugestellt|zustell(?:fehler|ung)|fehlgeschlagen|non remis|non distribu|échec d
    remise (?:différée|retardée)
    no se (?:puede|pudo|ha podido) entregar|no entregado|imposible entregar|non recapitabile
    mancat[oa] (?:recapito|consegna)
    não (?:foi )?(?:entregue|é possível)|falha na entrega|onbestelbaar|niet bezorgd|kunde inte
    kunne ikke leveres|oleverbar
    niedostarczon|nie można dostarczyć|nedoručiteln|teslim edilemedi|kézbesíthetetlen|perillemenemättömät
    недоставлен|не доставлен|не удалось доставить|невозможно доставить|возвра[тщ]|ошибка доставки
    配信不能|配信できません|配信エラー|配送|送信できません|エラーメール|退信|无法(?:传递|投递)|未(?:能)?送達|傳遞失敗|投递失败|배달되지|반송
    """
)
_FAILURE_TEXT = one_of(
    r"""
    undeliver
    (?:could|can|was|were|has|have|did)(?: ?n.t| not|not) (?:yet )?(?:be(?:en)? )?(?:deliver|reach|sent|route)
    delivery (?:to|of|has|failed|failure|attempt)|unable to deliver|not delivered|wasn.t able
    permanent (?:fatal )?(?:error|failure)
    returned to (?:you|sender)|address not found|user unknown|unknown user|failure reasons|rejected|will be retried
    nicht (?:\w+ )?(?:zugestellt|zustellen|ausgeliefert|erreicht)|unzustellbar|fehlgeschlagen
    n.a pas (?:pu )?(?:être )?(?:été )?(?:remis|distribu|délivr)|échec de|a échoué|n.ont pas
    no (?:se )?(?:ha |pudo |puede )?(?:podido )?(?:ser )?(?:entreg|lleg)|non (?:è stat[oa]|può|ha)|impossibile
    não (?:foi|pôde|pode)|niet (?:\w+ )?(?:bezorgd|afgeleverd)|inte levereras|ikke leveres
    nie (?:mogła|można|została)
    не (?:удалось|было|может|доставлен|была)|невозможно|недоставлен|edilemedi
    配信|配送できま|届け|送信できま|无法|未能|退回|退信|無法|배달|전송하지
    """
)
_SERVERS_OPENING = one_of(
    r"""
    this is the (?:mail system at host|qmail-send program|mail delivery agent)
    this is the [\w.-]{1,80} (?:mail )?(?:server|program|system) at
    message that you sent (?:could not be delivered|has not yet been delivered)
    (?:your|the) message (?:\w+ )?did not reach (?:some or all|the following)
    (?:your|the) message (?:\w+ )?to \S{1,200} (?:couldn.t|could not|was not) be(?:en)? delivered
    your message subject: .{0,200}?\bwas not delivered to|your message wasn.t delivered to
    delivery has failed to these recipients|the original message was received at
    the following address(?:es|\(es\))? (?:had (?:permanent|delivery|transient)|failed)
    unable to deliver (?:your |the )?message to
    this (?:message|report) (?:was created automatically|relates to a message you sent)
    this is an automatically generated delivery
    nachricht hat (?:einige|die)\b.{0,60}?empfänger nicht erreicht|fehler bei der nachrichtenzustellung
    konnte nicht (?:an .{1,80}? )?zugestellt werden
    échec de la remise pour ces|message n.a pas pu être (?:remis|délivré)|no se pudo entregar el mensaje
    error de entrega a estos
    次の受信者または|не удалось доставить (?:сообщение|письмо)|письмо не (?:было|может быть) доставлено
    """
)
_DELAYED = one_of(
    r"""
    delay|has not yet been|still (?:being )?(?:retr|try)|will (?:continue|keep) (?:to )?try|will retry
    will be retried
    (?:message|mail) still undelivered|could not send message for|transient non-fatal|do not need to resend
    verzöger|verspätet|noch nicht|weiterhin versuch|retard|différée|pas encore|aún no|todavía no|demorad
    ritard|non ancora|ainda não|atras(?:o|ad)|vertraagd|nog niet|försen|forsink|opóźni
    задерж|отложен|пока не|ещё не|будут продолж|遅延|遅れ|延迟|延遲
    """
)
_LATE_SUBJECT = re.compile(
    r"(?:\[?\w{0,20}\]?\s?)?(?:delay|warning: (?:message|could not send)|message delay|delivery (?:is )?delay"
    r"|delivery status notification \(delay|[\w-]{1,30}:? (?:delayed|still undelivered)|.{0,30}(?:verzöger|verspätet)"
    r"|remise différée|entrega (?:retrasada|demorada)|.{0,12}(?:задерж|遅延|遅れ))",
    re.IGNORECASE,
)
_SUBJECT_LINE = re.compile(
    r"^[ \t>]{0,20}(?:subject|betreff|objet|asunto|oggetto|assunto|onderwerp|件名|тема)\b.*$",
    re.IGNORECASE | re.MULTILINE,
)
_GIVEN_UP = re.compile(
    r"giv(?:en|ing) (?:it )?up|gave up|permanent|will be deleted|no longer (?:be )?(?:try|retr)|has failed|"
    r"failed after|could not be delivered for|endgültig|aufgegeben|définitiv|definitiv",
    re.IGNORECASE,
)
_STATUS = re.compile(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?!\d|\.\d)")
_FAILURE_CODE = re.compile(r"(?<![\d.])[45]\d\d[ -][45]\.\d{1,3}\.\d{1,3}(?!\d|\.\d)")
_REPLY_CODE = re.compile(r"(?<![\d.])([45])\d\d[ -]")


_TAGGED = re.compile(r"(?:prvs=|msprvs1=|btv1==|srs[01][=+-]|bounces?[+=-].*=)", re.IGNORECASE)
_SERVERS_OWN = re.compile(
    r"(?:postmaster|mailer-daemon|maildaemon|abuse|noreply|no-reply|microsoftexchange\w{32})@", re.IGNORECASE
)


def fails_by_subject(subject: str) -> bool:
    """Whether a subject is one of those that mail servers give their notices, failed or late."""
    return _FAILURE_SUBJECT.search(subject[:300]) is not None


def fails_by_text(text: str) -> bool:
    """Whether a text speaks of mail that was not delivered. People's texts do too: ask only about a server's."""
    opening = _opening(text)
    return _FAILURE_TEXT.search(opening) is not None or _FAILURE_CODE.search(opening) is not None


def opens_like_a_server(text: str) -> bool:
    """Whether a text opens with the sentence of a well-known mail server."""
    return _SERVERS_OPENING.search(_opening(text)) is not None


def is_late(subject: str, text: str) -> bool:
    """Whether a notice says that the mail is late, and not that it failed. The subject it quotes may say either."""
    opening = _opening(_SUBJECT_LINE.sub("", text[:_OPENING_LENGTH]))
    late = _LATE_SUBJECT.match(subject) is not None or _DELAYED.search(opening) is not None
    return late and _GIVEN_UP.search(opening) is None


def is_tagged(address: str) -> bool:
    """Whether an address is a return path made for one mail (BATV, VERP, SRS), which no customer has."""
    return _TAGGED.match(address) is not None


def is_permanent(text: str) -> bool:
    """Whether what a server said of a failure is final; so it is unless a code in it says otherwise."""
    notice = _notice(text)
    status = _STATUS.search(notice)
    if status is not None:
        return status_is_permanent(status[0])
    code = _REPLY_CODE.search(notice)
    return code is None or code[1] == "5"


def addresses_in(text: str) -> list[str]:
    """The addresses in a text, as written, each once."""
    return each_once(bracketed or bare for bracketed, bare in _ADDRESSES.findall(text))


def each_once(addresses: Iterable[str]) -> list[str]:
    """The addresses in the spelling they have first."""
    first: dict[str, str] = {}
    for address in addresses:
        first.setdefault(address.casefold(), address)
    return list(first.values())


class Readings(NamedTuple):
    """What is known about a notice from elsewhere: addresses that are not meant, and whom the mail was sent to."""

    own: frozenset[str]
    sent_to: frozenset[str]


def named_recipients(text: str, readings: Readings) -> tuple[str, ...]:
    """The addresses that a notice says were not reached: those set out in lines of their own, or behind a label such
    as "Recipient:", or in the first sentence that names any.
    """
    lines = list(_failed_lines(_notice(text)))
    for named in (_set_out(lines), _addresses_behind(lines, _RECIPIENT), _addresses_behind(lines, _TO)):
        addresses = [address for address in named if _is_meant(address, readings)]
        if addresses:
            return tuple(addresses[:_MOST_RECIPIENTS])
    return _in_sentences(lines, readings)


def expansions(text: str) -> dict[str, str]:
    """The address that the sender used for each that it was expanded to, where the notice tells (Exim, Postfix)."""
    return {final.casefold(): used for final, used in _EXPANDED.findall(_notice(text))}


def returned_ids(text: str) -> list[str]:
    """The ids of the mail that a notice returns as part of its text: its own, then those it answers, nearest first."""
    fields = [_RETURNED_ID[name].search(text[:_NOTICE_LENGTH]) for name in ("message-id", "in-reply-to", "references")]
    own, answered, references = ([] if field is None else _addresses_in_brackets(field[1]) for field in fields)
    return list(dict.fromkeys((*own[:1], *answered, *references[::-1]))) if own else []


def returned_recipients(text: str) -> list[str]:
    """Whom a mail that a notice returns as part of its text was sent to."""
    text = text[:_NOTICE_LENGTH]
    returned = _RETURNED.search(text)
    line = _RETURNED_TO.search(text, returned.start()) if returned else None
    return [] if line is None else addresses_in(line[1])


def _addresses_in_brackets(value: str) -> list[str]:
    ids = ("".join(inner.split()) for inner in re.findall(r"<([^<>]*)>", value))
    return [one for one in ids if 0 < len(one) <= MESSAGE_ID_LENGTH]


def _is_meant(address: str, readings: Readings) -> bool:
    known = address.casefold() in readings.own
    return not known and not is_tagged(address) and _SERVERS_OWN.match(address) is None


def _opening(text: str) -> str:
    return " ".join(_notice(text[: 4 * _OPENING_LENGTH]).split())[:_OPENING_LENGTH]


def _notice(text: str) -> str:
    """The text in front of the message it returns."""
    text = text[:_NOTICE_LENGTH]
    returned = _RETURNED.search(text)
    return text if returned is None else text[: returned.start()]


def _failed_lines(notice: str) -> Iterator[str]:
    """The lines but those under a heading that says that the addresses below it were reached."""
    reached = False
    for line in notice.split("\n", _MOST_LINES)[:_MOST_LINES]:
        if _SUCCEEDED.search(line[:_LINE_LENGTH]) and not _ADDRESSES.search(line[:_LINE_LENGTH]):
            reached = True
        elif reached and _RULE.match(line) and line.strip():
            reached = False
        if not reached:
            yield line[:_LINE_LENGTH]


def _set_out(lines: list[str]) -> list[str]:
    return each_once(address for line in lines for address in _set_out_in(line))


def _set_out_in(line: str) -> list[str]:
    """The addresses of a line that holds nothing else, or the one it begins with as the heading of what follows."""
    if "@" not in line:
        return []
    if not _ADDRESSES.sub("", line).strip(" \t>*•·<,;'\"|[]()«»„“”–-.0123456789"):
        return addresses_in(line)
    leading = _LEADING.match(line)
    return [] if leading is None else [leading[1] or leading[2]]


def _addresses_behind(lines: list[str], label: re.Pattern[str]) -> list[str]:
    labels = (label.match(line) for line in lines if "@" in line)
    return each_once(address for one in labels if one for address in addresses_in(one[1]))


def _in_sentences(lines: list[str], readings: Readings) -> tuple[str, ...]:
    """Of the first sentence that names any: those the mail was sent to, if that is known, else all."""
    for sentence in _SENTENCE_END.split("\n".join(lines)):
        addresses = [one for one in addresses_in(sentence) if _is_meant(one, readings)]
        if addresses:
            sent_to = [one for one in addresses if one.casefold() in readings.sent_to]
            return tuple((sent_to or addresses)[:_MOST_RECIPIENTS])
    return ()
