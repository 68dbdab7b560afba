"""Countries by code and by name: some vendors name them in words, and detectors compare codes.

Source: ISO 3166-1 alpha-2, with the English short names in common use and their variants.
"""

import re
import unicodedata

_NAMES = """
AD Andorra; AE United Arab Emirates; AF Afghanistan; AG Antigua and Barbuda; AI Anguilla; AL Albania;
AM Armenia; AO Angola; AQ Antarctica; AR Argentina; AS American Samoa; AT Austria; AU Australia; AW Aruba;
AX Åland Islands; AZ Azerbaijan; BA Bosnia and Herzegovina; BB Barbados; BD Bangladesh; BE Belgium;
BF Burkina Faso; BG Bulgaria; BH Bahrain; BI Burundi; BJ Benin; BL Saint Barthelemy; BM Bermuda;
BN Brunei|Brunei Darussalam; BO Bolivia|Plurinational State of Bolivia; BQ Bonaire, Sint Eustatius and Saba;
BR Brazil; BS Bahamas; BT Bhutan; BV Bouvet Island; BW Botswana; BY Belarus; BZ Belize; CA Canada;
CC Cocos (Keeling) Islands; CD Democratic Republic of the Congo|DR Congo|Congo - Kinshasa;
CF Central African Republic; CG Republic of the Congo|Congo|Congo - Brazzaville; CH Switzerland;
CI Ivory Coast|Côte d'Ivoire; CK Cook Islands; CL Chile; CM Cameroon; CN China; CO Colombia; CR Costa Rica;
CU Cuba; CV Cape Verde|Cabo Verde; CW Curaçao; CX Christmas Island; CY Cyprus; CZ Czechia|Czech Republic;
DE Germany; DJ Djibouti; DK Denmark; DM Dominica; DO Dominican Republic; DZ Algeria; EC Ecuador; EE Estonia;
EG Egypt; EH Western Sahara; ER Eritrea; ES Spain; ET Ethiopia; FI Finland; FJ Fiji;
FK Falkland Islands|Falkland Islands (Malvinas); FM Micronesia|Federated States of Micronesia;
FO Faroe Islands; FR France; GA Gabon;
GB United Kingdom|Great Britain|United Kingdom of Great Britain and Northern Ireland; GD Grenada; GE Georgia;
GF French Guiana; GG Guernsey; GH Ghana; GI Gibraltar; GL Greenland; GM Gambia; GN Guinea;
GP Guadeloupe; GQ Equatorial Guinea; GR Greece; GS South Georgia and the South Sandwich Islands; GT Guatemala;
GU Guam; GW Guinea-Bissau; GY Guyana; HK Hong Kong|Hong Kong SAR China; HM Heard Island and McDonald Islands;
HN Honduras; HR Croatia; HT Haiti; HU Hungary; ID Indonesia; IE Ireland; IL Israel; IM Isle of Man; IN India;
IO British Indian Ocean Territory; IQ Iraq; IR Iran|Islamic Republic of Iran; IS Iceland; IT Italy; JE Jersey;
JM Jamaica; JO Jordan; JP Japan; KE Kenya; KG Kyrgyzstan; KH Cambodia; KI Kiribati; KM Comoros;
KN Saint Kitts and Nevis; KP North Korea|Democratic People's Republic of Korea;
KR South Korea|Republic of Korea|Korea; KW Kuwait; KY Cayman Islands; KZ Kazakhstan;
LA Laos|Lao People's Democratic Republic; LB Lebanon; LC Saint Lucia; LI Liechtenstein; LK Sri Lanka;
LR Liberia; LS Lesotho; LT Lithuania; LU Luxembourg; LV Latvia; LY Libya; MA Morocco; MC Monaco;
MD Moldova|Republic of Moldova; ME Montenegro; MF Saint Martin; MG Madagascar; MH Marshall Islands;
MK North Macedonia|Macedonia; ML Mali; MM Myanmar|Burma; MN Mongolia; MO Macao|Macau;
MP Northern Mariana Islands; MQ Martinique; MR Mauritania; MS Montserrat; MT Malta; MU Mauritius; MV Maldives;
MW Malawi; MX Mexico; MY Malaysia; MZ Mozambique; NA Namibia; NC New Caledonia; NE Niger; NF Norfolk Island;
NG Nigeria; NI Nicaragua; NL Netherlands; NO Norway; NP Nepal; NR Nauru; NU Niue;
NZ New Zealand; OM Oman; PA Panama; PE Peru; PF French Polynesia; PG Papua New Guinea; PH Philippines;
PK Pakistan; PL Poland; PM Saint Pierre and Miquelon; PN Pitcairn Islands|Pitcairn; PR Puerto Rico;
PS Palestine|State of Palestine|Palestinian Territory; PT Portugal; PW Palau; PY Paraguay; QA Qatar;
RE Réunion; RO Romania; RS Serbia; RU Russia|Russian Federation; RW Rwanda; SA Saudi Arabia;
SB Solomon Islands; SC Seychelles; SD Sudan; SE Sweden; SG Singapore; SH Saint Helena; SI Slovenia;
SJ Svalbard and Jan Mayen; SK Slovakia; SL Sierra Leone; SM San Marino; SN Senegal; SO Somalia; SR Suriname;
SS South Sudan; ST Sao Tome and Principe; SV El Salvador; SX Sint Maarten; SY Syria|Syrian Arab Republic;
SZ Eswatini|Swaziland; TC Turks and Caicos Islands; TD Chad; TF French Southern Territories; TG Togo;
TH Thailand; TJ Tajikistan; TK Tokelau; TL Timor-Leste|East Timor; TM Turkmenistan; TN Tunisia; TO Tonga;
TR Turkey|Türkiye; TT Trinidad and Tobago; TV Tuvalu; TW Taiwan|Taiwan, Province of China;
TZ Tanzania|United Republic of Tanzania; UA Ukraine; UG Uganda; UM U.S. Minor Outlying Islands;
US United States|United States of America|USA; UY Uruguay; UZ Uzbekistan; VA Vatican City|Holy See;
VC Saint Vincent and the Grenadines; VE Venezuela|Bolivarian Republic of Venezuela; VG British Virgin Islands;
VI U.S. Virgin Islands; VN Vietnam|Viet Nam; VU Vanuatu; WF Wallis & Futuna; WS Samoa; YE Yemen; YT Mayotte;
ZA South Africa; ZM Zambia; ZW Zimbabwe
"""
"""`code name|other name`, parted by semicolons."""
_WORD = re.compile(r"[a-z0-9]+")
_SILENT = frozenset({"and", "the", "of"})


def country_code(value: object) -> str | None:
    """ISO 3166 alpha-2 of a code or an English name; None for what is neither."""
    if not isinstance(value, str):
        return None
    upper = value.strip().upper()
    return upper if upper in _CODES else _BY_NAME.get(_folded(value))


def _folded(name: str) -> str:
    """`name` without accents, case, punctuation and little words; "St" is "Saint"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = _WORD.findall(plain.replace("'", "").replace(".", ""))
    return " ".join("saint" if word == "st" else word for word in words if word not in _SILENT)


_ENTRIES = [entry.strip().split(" ", 1) for entry in _NAMES.split(";")]
_CODES = frozenset(code for code, _ in _ENTRIES)
_BY_NAME = {_folded(name): code for code, names in _ENTRIES for name in names.split("|")}
