"""Similar email addresses: what SUG-2 means by two addresses that are probably one person's.

An address is compared in its canonical form, the mailbox that it reaches as far as its provider's rules are public:

- `+tag` is taken off everywhere; `-tag` at Yahoo, Ymail and Rocketmail, whose account names cannot hold a hyphen (it
  marks a disposable address there; Yahoo Japan is another company and is left alone).
- Dots are dropped at Gmail; dots, hyphens and underscores at Proton; at Yandex a dot is a hyphen. Nowhere else.
- Domains become one where the same name always is the same mailbox: googlemail, iCloud's three, Proton's four,
  Yandex's national ones, hanmail/daum. Not Outlook and Hotmail, Yahoo and Ymail, gmx.de and gmx.net, the Fastmail or
  Tuta domains: there the same name may be another person.
- A mistyped domain becomes the well-known one. Names that are nobody else's word (gmail, hotmail …) are recognised
  with any one slip; shorter names and ordinary words (live, orange …) only with a slip in the ending or two
  neighbouring letters swapped, for one letter away from them is somebody's company.

Addresses come in normal form (contact_points/emails.py). Nothing here raises for any text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Literal, NamedTuple

Similarity = Literal["same_mailbox", "mistyped_domain", "typing_slip"]

SHORTEST_FOR_SLIPS = 8
LONGEST_FOR_SLIPS = 40


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# In the order of use: a domain one slip away from two of them is taken for the first.
_DISTINCTIVE = """
    gmail.com hotmail.com yahoo.com outlook.com icloud.com googlemail.com hotmail.co.uk hotmail.fr hotmail.de hotmail.it
    hotmail.es hotmail.nl hotmail.be hotmail.ca hotmail.ch hotmail.se hotmail.dk hotmail.no hotmail.gr hotmail.cl
    hotmail.com.br hotmail.com.ar hotmail.com.tr hotmail.com.au hotmail.co.jp hotmail.co.nz hotmail.co.th
    yahoo.co.uk yahoo.fr yahoo.de yahoo.it yahoo.es yahoo.nl yahoo.be yahoo.ca yahoo.ie yahoo.gr yahoo.se yahoo.dk
    yahoo.no yahoo.pl yahoo.pt yahoo.at yahoo.ro yahoo.cn yahoo.in yahoo.co.in yahoo.co.id yahoo.co.jp yahoo.co.nz
    yahoo.co.za yahoo.co.kr yahoo.co.th yahoo.com.br yahoo.com.ar yahoo.com.mx yahoo.com.au yahoo.com.cn yahoo.com.hk
    yahoo.com.ph yahoo.com.sg yahoo.com.tr yahoo.com.tw yahoo.com.vn ymail.com rocketmail.com outlook.fr outlook.de
    outlook.it outlook.es outlook.pt outlook.be outlook.dk outlook.at outlook.ie outlook.cl outlook.jp outlook.co.nz
    outlook.co.th outlook.com.br outlook.com.ar outlook.com.au outlook.com.tr protonmail.com protonmail.ch yandex.ru
    yandex.com yandex.by yandex.kz yandex.ua yandex.com.tr comcast.net sbcglobal.net bellsouth.net verizon.net
    optonline.net earthlink.net btinternet.com ntlworld.com virginmedia.com bigpond.com sympatico.ca wanadoo.fr
    laposte.net tutanota.com tutanota.de hushmail.com zohomail.com zohomail.eu rediffmail.com t-online.de mailbox.org
    telefonica.net hanmail.net
"""
_ORDINARY = """
    live.com live.co.uk live.fr live.de live.it live.nl live.be live.ca live.se live.dk live.no live.at live.ie live.cl
    live.jp live.com.au live.com.ar live.com.mx live.com.pt msn.com aol.com aol.co.uk aol.de aol.fr aim.com me.com
    mac.com mail.com email.com inbox.com usa.com gmx.de gmx.net gmx.com gmx.at gmx.ch gmx.fr gmx.es gmx.co.uk web.de
    freenet.de arcor.de posteo.de posteo.net mail.de email.de online.de vodafone.de kabelmail.de free.fr orange.fr
    sfr.fr neuf.fr bbox.fr numericable.fr aliceadsl.fr cegetel.net libero.it virgilio.it alice.it tin.it tiscali.it
    tiscali.co.uk fastwebnet.it poste.it inwind.it iol.it email.it orange.es terra.es ono.com telenet.be skynet.be
    ziggo.nl kpnmail.nl planet.nl home.nl hetnet.nl chello.nl casema.nl upcmail.nl quicknet.nl xs4all.nl sapo.pt
    clix.pt mail.pt netcabo.pt bluewin.ch hispeed.ch sunrise.ch aon.at chello.at a1.net sky.com talktalk.net
    blueyonder.co.uk bt.com fastmail.com fastmail.fm hey.com tuta.io tuta.com keemail.me proton.me pm.me zoho.com
    zoho.eu att.net cox.net charter.net juno.com rogers.com shaw.ca telus.net optusnet.com.au uol.com.br bol.com.br
    terra.com.br ig.com.br globo.com mail.ru inbox.ru list.ru bk.ru internet.ru rambler.ru ya.ru ukr.net wp.pl o2.pl
    onet.pl interia.pl op.pl gazeta.pl seznam.cz email.cz centrum.cz post.cz abv.bg freemail.hu citromail.hu qq.com
    foxmail.com 163.com 126.com sina.com naver.com daum.net nate.com duck.com
"""
_ALIASES = {
    "googlemail.com": "gmail.com",
    **dict.fromkeys(("me.com", "mac.com"), "icloud.com"),
    **dict.fromkeys(("protonmail.com", "protonmail.ch", "pm.me"), "proton.me"),
    **dict.fromkeys(("yandex.com", "yandex.by", "yandex.kz", "yandex.ua", "yandex.com.tr", "ya.ru"), "yandex.ru"),
    "hanmail.net": "daum.net",
}
# Providers of one ending only, whose other endings nobody has mail at.
_WRONG_ENDINGS = {
    f"{name}.{ending}": f"{name}.com"
    for name in ("gmail", "icloud", "googlemail")
    for ending in _words("fr de it es nl be at ch pt pl ca net org co.uk com.com com.br com.ar com.mx com.au")
}
# One slip away from a well-known name, and somebody's own.
_NOT_MISTYPED = _words("cloud.com bmail.com cmail.com dmail.com imail.com qmail.com umail.com xmail.com zmail.com")
# All countries', and the general ones a slip away from the endings above.
_REAL_ENDINGS = _words(
    """
    ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc cd
    cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gd ge gf
    gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km
    kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz
    na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg
    sh si sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve
    vg vi vn vu wf ws ye yt za zm zw
    bet bid cab cam cat com dev fit ink jet net new nyc one org pet run tel top vet
    """
)
_MISTYPED_COM = _words("co cm om cam")
_SHORTEST_SWAPPED_NAME = 5

_NO_SEPARATORS = str.maketrans("", "", "._-")
_IGNORED: Mapping[str, Mapping[int, int | None]] = {
    "gmail.com": str.maketrans("", "", "."),
    "proton.me": _NO_SEPARATORS,
    "yandex.ru": str.maketrans(".", "-"),
}
_SEPARATOR = re.compile("[._-]")

# Written without separators and accents.
_ROLES = _words(
    """
    abuse accounting accounts admin administration administrator alert alerts all billing board booking bookings bounce
    bounces career careers contact contacts contactus customercare customerservice customersupport daemon delivery desk
    donotreply dpo email enquiries enquiry everyone feedback finance frontdesk hello help helpdesk hi hostmaster hr info
    information infos inquiries inquiry invoice invoices it jobs legal list mail mailbox mailerdaemon management manager
    marketing media news newsletter nobody noreply notification notifications notify office operations order orders
    payment payments payroll personnel postmaster press privacy procurement purchasing reception recruiting recruitment
    reply reservation reservations returns root sales salesteam secretary security service services shipping shop staff
    store studio subscribe support supportteam sysadmin team tech technical test unsubscribe usenet user uucp web
    webadmin webmaster welcome
    anfrage anfragen auskunft bestellung bestellungen bewerbung bewerbungen buchhaltung buchung buero buro datenschutz
    einkauf empfang geschaeftsfuehrung geschaftsfuhrung hallo hilfe impressum karriere kasse keineantwort kontakt kunden
    kundendienst kundenservice laden leitung personal post praxis presse rechnung rechnungen rezeption sekretariat
    technik verkauf vertrieb versand verwaltung werkstatt zentrale
    accueil achat achats assistance boutique commande commandes commercial communication compta comptabilite
    contactez direction emploi facturation factures magasin mairie nepasrepondre recrutement renseignement
    renseignements rh secretariat serviceclient serviceclients vente ventes
    administracion atencion atencionalcliente ayuda clientes comercial compras consultas contabilidad contacto correo
    empleo facturacion facturas gerencia informacion noresponder oficina pedidos prensa recepcion reservas rrhh
    secretaria soporte tienda ventas
    acquisti amministrazione assistenza assistenzaclienti clienti commerciale contabilita contatti contatto direzione
    fatturazione informazioni lavoro magazzino negozio nonrispondere ordini posta prenotazioni segreteria
    servizioclienti ufficio vendite
    administratie bestelling bestellingen boekhouding directie facturatie facturen factuur inkoop kantoor
    klanten klantenservice klantendienst nietbeantwoorden personeelszaken pers receptie reservering reserveringen
    secretariaat verkoop vacatures winkel
    administracao ajuda atendimento contato contabilidade encomendas escritorio faturacao financeiro
    geral informacoes loja marcacoes naoresponda naoresponder pedido recepcao recrutamento sac suporte vendas
    """
)
# What a shared mailbox begins with and no person is called: info.berlin@, support-fr@, noreply-orders@.
_ROLE_BEGINNINGS = _words(
    "info infos support contact contacto contatto kontakt office noreply donotreply bounce bounces newsletter"
)
_DIGITS = "0123456789"


class _Domain(NamedTuple):
    """`canonical` is the domain that is meant, `written` the one that is there (aliases are one)."""

    canonical: str
    written: str
    tagged_by_hyphen: bool


class _Mailbox(NamedTuple):
    local: str
    domain: _Domain


@lru_cache(maxsize=4096)  # asked for twice in a contact: to be found by, and to find
def match_keys(address: str) -> tuple[str, ...]:
    """The keys under which an address is found by those similar to it: similar addresses share one (SUG-2).

    None for a role address. At most 42: `e:` and the canonical form, then `s:` and a hash for each letter that may
    have slipped in, and for none. Sharing a key proves nothing yet: ask `similarity`.
    """
    mailbox = _mailbox(address)
    if mailbox is None:
        return ()
    local, domain = mailbox.local, mailbox.domain.canonical
    exact = f"e:{local}@{domain}"
    if not SHORTEST_FOR_SLIPS <= len(local) <= LONGEST_FOR_SLIPS:
        return (exact,)
    ending = "@" + domain
    return exact, *["s:" + _hash(text + ending) for text in _one_letter_left_out(local)]


def similarity(one: str, other: str) -> Similarity | None:
    """How two different addresses are similar, None if they are not; the same whichever comes first (SUG-2)."""
    if one == other:
        return None
    ours, theirs = _mailbox(one), _mailbox(other)
    if ours is None or theirs is None or ours.domain.canonical != theirs.domain.canonical:
        return None
    if ours.local == theirs.local:
        return "same_mailbox" if ours.domain.written == theirs.domain.written else "mistyped_domain"
    return "typing_slip" if _one_letter_slipped(ours.local, theirs.local) else None


def _mailbox(address: str) -> _Mailbox | None:
    """The mailbox an address reaches, None if it is no person's."""
    local, _, written = address.rpartition("@")
    domain = _domain(written)
    local = _without_tag(local, "+")
    if domain.tagged_by_hyphen:
        local = _without_tag(local, "-")
    if not local or _is_role(local):
        return None
    ignored = _IGNORED.get(domain.canonical)
    return _Mailbox((local.translate(ignored) if ignored else local) or local, domain)


def _without_tag(local: str, sign: str) -> str:
    # What is all tag (`+news@…`) has no mailbox to go back to and stays as it is.
    return local.partition(sign)[0] or local


def is_role_address(address: str) -> bool:
    """Whether an address is a function's, such as `info@` or `support@`, and not a person's (SUG-2, SUG-6)."""
    return _is_role(address.rpartition("@")[0])


def _is_role(local: str) -> bool:
    plain = local if local.isascii() else _without_accents(local)
    if plain.translate(_NO_SEPARATORS).rstrip(_DIGITS) in _ROLES:
        return True
    words = [word.rstrip(_DIGITS) for word in _SEPARATOR.split(plain)]
    return len(words) > 1 and (
        words[0] in _ROLE_BEGINNINGS or words[:2] == ["no", "reply"] or all(word in _ROLES for word in words)
    )


def _without_accents(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _one_letter_left_out(local: str) -> list[str]:
    """The text and what is left of it without one sign; digits are not left out, because they do not slip."""
    texts = [local]
    before = ""
    for place, sign in enumerate(local):
        # Out of a run of the same letter, leaving out any one leaves the same.
        if sign != before and not sign.isdigit():
            texts.append(local[:place] + local[place + 1 :])
        before = sign
    return texts


def _one_letter_slipped(one: str, other: str) -> bool:
    """Whether two local parts are long enough and one typing slip apart that touches no digit.

    john1985 and john1986 are two people, and so are john and john1.
    """
    if not all(SHORTEST_FOR_SLIPS <= len(local) <= LONGEST_FOR_SLIPS for local in (one, other)):
        return False
    changed = _slip(one, other)
    return bool(changed) and not any(sign.isdigit() for sign in changed)


def _slip(one: str, other: str) -> str:
    """The signs that one insertion, deletion, substitution or swap of neighbours touches; empty if that is not all."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1 or one == other:
        return ""
    at = next((place for place, sign in enumerate(one) if sign != other[place]), len(one))
    if len(one) < len(other):
        return other[at] if one[at:] == other[at + 1 :] else ""
    if one[at + 1 :] == other[at + 1 :]:
        return one[at] + other[at]
    swapped = one[at + 1] + one[at] == other[at : at + 2] and one[at + 2 :] == other[at + 2 :]
    return one[at : at + 2] if swapped else ""


@lru_cache(maxsize=16_384)
def _domain(written: str) -> _Domain:
    meant = written if written in _KNOWN else _WRONG_ENDINGS.get(written) or _meant(written)
    canonical = _ALIASES.get(meant, meant)
    return _Domain(canonical, _ALIASES.get(written, written), canonical in _TAGGED_BY_HYPHEN)


def _meant(written: str) -> str:
    """The well-known domain that a domain is a mistyping of, or the domain itself."""
    if written in _NOT_MISTYPED or len(written) > _LONGEST_KNOWN + 1:
        return written
    near = {known for text in _one_left_out(written) for known in _NEAR.get(text, ())}
    mistyped = (known for known in near if _is_mistyped(written, known))
    return min(mistyped, key=_KNOWN.__getitem__, default=written)


def _one_left_out(domain: str) -> list[str]:
    return [domain, *(domain[:place] + domain[place + 1 :] for place in range(len(domain)))]


def _is_mistyped(written: str, known: str) -> bool:
    # A dot too many is a subdomain: m.ail.com belongs to ail.com.
    if not _slip(written, known) or written.count(".") > known.count("."):
        return False
    name, _, ending = known.partition(".")
    if written.startswith(name + "."):
        return _is_mistyped_ending(written.rpartition(".")[2], known)
    swapped = len(name) >= _SHORTEST_SWAPPED_NAME and sorted(written) == sorted(known)
    return known in _FREELY_MISTYPED or (swapped and written.endswith("." + ending))


def _is_mistyped_ending(last: str, known: str) -> bool:
    """Whether the last part of a domain may be a slip: another real one is none, but co and the like for com."""
    right = known.rpartition(".")[2]
    if last == right or last not in _REAL_ENDINGS:
        return True
    return right == "com" and last in _MISTYPED_COM and known in _FREELY_MISTYPED


def _near(domains: dict[str, int]) -> dict[str, list[str]]:
    domains_by_text: defaultdict[str, list[str]] = defaultdict(list)
    for domain in domains:
        for text in set(_one_left_out(domain)):
            domains_by_text[text].append(domain)
    return dict(domains_by_text)


_KNOWN = {domain: place for place, domain in enumerate((_DISTINCTIVE + _ORDINARY).split())}
_FREELY_MISTYPED = frozenset(_DISTINCTIVE.split())
_LONGEST_KNOWN = max(map(len, _KNOWN))
_NEAR = _near(_KNOWN)
_TAGGED_BY_HYPHEN = frozenset(
    domain
    for domain in _FREELY_MISTYPED
    if domain.startswith(("yahoo.", "ymail.", "rocketmail.")) and domain != "yahoo.co.jp"
)
