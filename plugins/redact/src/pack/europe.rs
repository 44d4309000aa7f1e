//! Packs of Europe.

use super::check::{
    any, are_of, begins_with, digit, digits, is_day, is_dmy, is_time, is_typed, is_uniform, is_ymd,
    luhn, machine_readable, mod_11_10, number, remainder, verhoeff, weighted,
};
use super::{Row, alone, line, row, word};

const PASSPORT: &[&str] = &[
    "passport*",
    "pasaporte*",
    "passaporto*",
    "passeport*",
    "paspoort*",
    "reisepass*",
    "pass nr",
    "passnummer",
    "pass no",
];
const PLATE: &[&str] = &["plate*", "registration", "vehicle*", "car", "reg", "number plate", "vrm"];

pub(super) const ROWS: &[Row] = &[
    // The United Kingdom.
    // NHS data dictionary: modulo 11.
    row(
        "country/uk/nhs",
        &["nhs", "health service", "patient*", "hospital"],
        &[line("d3 d3 d4", nhs), line("d10", nhs_in_use), word("d10", nhs)],
    ),
    // HMRC, NIM39110: prefixes that are not used, suffix A to D.
    row(
        "country/uk/nino",
        &["nino", "national insurance", "insurance number", "ni number"],
        &[alone("l2d6l", nino), alone("l2 d2 d2 d2 l", nino), alone("l2_d6_l", nino)],
    ),
    // HM Passport Office: nine digits, or two letters and seven; no check digit of its own.
    row("country/uk/passport", PASSPORT, &[word("l2d7", any), word("d9", any)]),
    // Royal Mail, PAF: layouts and letters by place.
    row(
        "country/uk/postcode",
        &["postcode*", "post code", "postal code", "zip", "address", "live at", "lives at"],
        &[
            word("l1~2d1~2 dl2", postcode),
            word("l1~2dl dl2", postcode),
            word("l1~2d1~2dl2", postcode),
            word("l1~2dldl2", postcode),
            word("GIR 0AA", any),
        ],
    ),
    // DVLA, driver numbers: name, date of birth around its decade; the check is not published.
    row(
        "country/uk/driving-licence",
        &["licence*", "license*", "driving", "driver*", "dvla"],
        &[alone("w5d6w2wl2", uk_licence), alone("w5 d6 w2wl2", uk_licence)],
    ),
    // DVLA, INF104: the marks since 1963.
    row(
        "country/uk/plate",
        PLATE,
        &[
            line("l2d2 l3", uk_plate),
            line("l2d2l3", uk_plate),
            word("ld1~3 l3", uk_old_plate),
            word("ld1~3l3", uk_old_plate),
            word("l3 d1~3l", uk_old_plate),
            word("l3d1~3l", uk_old_plate),
        ],
    ),
    // HMRC: the first digit, modulo 11.
    row(
        "country/uk/utr",
        &["utr", "tax reference", "taxpayer reference", "unique taxpayer"],
        &[
            line("d10", utr),
            line("d3 d3 d3 d", utr),
            line("d10K", utr),
            line("Kd10", utr),
            word("d5 d5", utr),
            word("d13", utr),
            line("000d10", utr),
            line("Kd13", utr),
        ],
    ),
    // Germany.
    // Section 139b AO and BZSt: ISO 7064 mod 11-10, one digit repeated.
    row(
        "country/de/tax-id",
        &[
            "steuer id*",
            "steuerid*",
            "idnr",
            "id nr",
            "tin",
            "identifikationsnummer",
            "tax id",
            "steueridentifikationsnummer",
            "steuerliche*",
        ],
        &[alone("d11", de_tax_id), alone("d2 d3 d3 d3", de_tax_id), line("d11", de_loose_tax_id)],
    ),
    // Finance offices, ELSTER: layouts of the states, and thirteen digits for all.
    row(
        "country/de/tax-number",
        &["steuernummer*", "steuer nr", "st nr", "stnr", "tax number", "finanzamt*"],
        &[
            line("d3/d3/d5", any),
            line("d2/d3/d5", any),
            line("d2/d3/d4", any),
            line("d2/d4/d4", any),
            line("d3/d4/d4", any),
            line("d3/d4/d5", any),
            line("d13", de_low_tax_number),
            word("d13", de_tax_number),
            word("d10~11", any),
        ],
    ),
    // ICAO 9303: weights 7, 3, 1; letters that cannot be taken for digits.
    row(
        "country/de/id-card",
        &["ausweis*", "personalausweis*", "id card", "identity card", "ausweisnummer", "perso"],
        &[
            line("lw8d", de_document),
            line("lw8dD", de_document),
            line("lw8", de_serial),
            line("lw8D", de_serial),
            line("Td8", any),
            line("d10D", de_document),
            word("d10", de_document),
        ],
    ),
    // ICAO 9303, as the identity card.
    row("country/de/passport", PASSPORT, &[line("lw8d", de_document), line("lw8", de_serial)]),
    // VKVV section 2: area, date, letter, serial, cross sums modulo 10.
    row(
        "country/de/social-security",
        &["rvnr*", "rentenversicherung*", "sozialversicherung*", "svnr*", "versicherungsnummer*"],
        &[
            alone("d8ld3", de_social_security),
            alone("d2 d6 ld3", de_social_security),
            alone("d2 d6 l d3", de_social_security),
            alone("d3 d5 l d3", de_social_security),
        ],
    ),
    // Section 290 SGB V: a letter, eight digits, modulo 10.
    row(
        "country/de/health-insurance",
        &["kvnr*", "krankenkasse*", "krankenversicher*", "egk*", "versichertennummer*"],
        &[line("ld9", de_health)],
    ),
    // BZSt: ISO 7064 mod 11-10.
    row(
        "country/de/vat",
        &["ust*", "umsatzsteuer*", "vat*", "mwst*"],
        &[alone("DE_d3_d3_d3", vat_de), line("DE_d3_d3_d3", vat_de)],
    ),
    // KBV, guideline on section 75 (7) SGB V: weights 4 and 9.
    row("country/de/lanr", &["lanr*", "arztnummer*", "arzt nr"], &[line("d9", lanr)]),
    // KBV, the same guideline: region; no check digit.
    row("country/de/bsnr", &["bsnr*", "betriebsstätte*", "betriebsstaette*"], &[word("d9", bsnr)]),
    // FZV, annex 1: district, letters, number.
    row(
        "country/de/plate",
        &["kennzeichen*", "fahrzeug*", "kfz*", "plate*", "nummernschild*"],
        &[
            line("l1~3 l1~2 d1~4", de_plate),
            line("l1~3 l1~2 d1~4H", de_plate),
            line("l1~3 l1~2 d1~4E", de_plate),
            word("l1~3 l1~2_d1~4", de_plate),
        ],
    ),
    // FeV, annex 8: office, serial; its check is not published.
    row(
        "country/de/driving-licence",
        &["führerschein*", "fuehrerschein*", "fahrerlaubnis*", "driving licence", "driver license"],
        &[line("l2d8w", any), word("ld2w7d", any)],
    ),
    // HRV: section A or B and a number.
    row(
        "country/de/commercial-register",
        &["handelsregister*", "amtsgericht*", "registernummer*"],
        &[alone("HRB_d1~6", any), alone("HRA_d1~6", any)],
    ),
    // Deutsche Post: five digits from 01001 on.
    row(
        "country/de/postcode",
        &["plz", "postleitzahl*", "postal code", "postcode"],
        &[word("d5", de_postcode)],
    ),
    // France.
    // INSEE: 97 less the remainder modulo 97; Corsica with letters.
    row(
        "country/fr/nir",
        &["nir", "sécurité sociale", "securite sociale", "insee", "nss", "numéro de sécu*"],
        &[
            alone("d5w2d8", nir),
            alone("d d2 d2 d5 d3 d2", nir),
            alone("d d2 d2 w2 d3 d3 d2", nir),
            alone("d d2 d2 d2 d3 d3 d2", nir),
        ],
    ),
    // DGFiP, by way of the OECD on tax numbers: modulo 511.
    row(
        "country/fr/nif",
        &["nif", "spi", "fiscal*", "numéro fiscal", "impôt*"],
        &[alone("d2 d2 d3 d3 d3", fr_nif), line("d13", fr_nif)],
    ),
    // ICAO 9303: two digits, two letters, five digits; no check digit of its own.
    row("country/fr/passport", PASSPORT, &[word("d2l2d5", any)]),
    // Spain.
    // Real Decreto 1553/2005 on the DNI: letter modulo 23.
    row(
        "country/es/nif",
        &["dni*", "nif*", "documento*"],
        &[
            alone("d8l", dni),
            alone("d8-l", dni),
            line("d7l", dni),
            line("d7-l", dni),
            word("d8 l", dni),
        ],
    ),
    // Real Decreto 557/2011: X, Y or Z for a digit, letter modulo 23.
    row(
        "country/es/nie",
        &["nie*", "extranjer*"],
        &[alone("ld7l", nie), alone("ld7-l", nie), alone("l-d7-l", nie)],
    ),
    // Tesorería General de la Seguridad Social: modulo 97.
    row(
        "country/es/nuss",
        &["nuss", "nss", "seguridad social", "afiliación", "afiliacion"],
        &[
            line("d12", nuss),
            alone("d2 d8 d2", nuss),
            alone("d2 d10", nuss),
            alone("d2/d8/d2", nuss),
            line("d2_d7_d3", nuss),
        ],
    ),
    // Ministry of the interior: three letters, six digits; no check digit of its own.
    row(
        "country/es/passport",
        PASSPORT,
        &[word("l3d6", any), word("l2d6", any), word("a3d6", any)],
    ),
    // Italy.
    // Decree of 23 December 1976: check letter modulo 26.
    row(
        "country/it/fiscal-code",
        &["codice fiscale", "cf", "fiscale"],
        &[
            alone("l6w2lw2lw3l", fiscal_code),
            alone("l6w2lw2 lw3l", fiscal_code),
            alone("l6/w2lw2/lw3l", fiscal_code),
            alone("l3 l3 w2lw2 lw3l", fiscal_code),
        ],
    ),
    // Agenzia delle Entrate: Luhn.
    row(
        "country/it/vat",
        &["partita iva", "p iva", "piva", "iva", "vat*"],
        &[alone("ITd11", vat_it), line("d11", vat_it), word("d8_d3", vat_it)],
    ),
    // Motorizzazione: two letters, seven digits, a letter, or U1.
    row(
        "country/it/driver-licence",
        &["patente*", "licen*", "guida"],
        &[word("l2d7l", any), word("U1w7l", any)],
    ),
    // Ministry of foreign affairs: two letters, seven digits; no check digit of its own.
    row("country/it/passport", PASSPORT, &[word("l2d7", any)]),
    // Portugal.
    // Autoridade Tributária: modulo 11.
    row(
        "country/pt/nif",
        &["nif", "contribuinte", "fiscal", "nipc"],
        &[
            line("d9", plain_pt_nif),
            word("d9", pt_nif),
            line("d3 d3 d3", pt_nif),
            alone("PTd9", vat_pt),
        ],
    ),
    // The Netherlands.
    // RvIG: the test of eleven, the last weight -1.
    row(
        "country/nl/bsn",
        &["bsn*", "burgerservicenummer*", "sofi*", "sofinummer"],
        &[line("d9", bsn), line("d4 d2 d3", bsn), word("d8", bsn), word("d3 d3 d3", bsn)],
    ),
    // RvIG: two letters, six of either, a digit; no check digit of its own.
    row("country/nl/passport", PASSPORT, &[word("l2w6d", any)]),
    // Belgium.
    // Royal decree of 3 April 1984: 97 less the remainder, with a 2 in front since 2000.
    row(
        "country/be/national-number",
        &["rijksregister*", "registre national", "national number", "niss", "insz", "nrn"],
        &[
            alone("d2.d2.d2-d3.d2", belgium),
            alone("d6-d3.d2", belgium),
            alone("d2 d2 d2 d3 d2", belgium),
            line("d11", belgium),
        ],
    ),
    // Luxembourg.
    // Law of 19 June 2013: Luhn and Verhoeff.
    row(
        "country/lu/nin",
        &["matricule*", "nin", "identification"],
        &[alone("d13", luxembourg), alone("d4 d2 d2 d5", luxembourg), alone("d8 d5", luxembourg)],
    ),
    // Ireland.
    // Department of social protection: letter modulo 23, a second one since 2013.
    row(
        "country/ie/pps",
        &["pps*", "ppsn", "public service"],
        &[
            alone("d7l", pps),
            alone("d7l2", pps),
            alone("d7l/l", pps),
            alone("d7l3", pps),
            word("d7 l2", pps),
        ],
    ),
    // Austria.
    // Dachverband der Sozialversicherungsträger: the fourth digit, modulo 11.
    row(
        "country/at/social-security",
        &["svnr*", "sozialversicherung*", "versicherungsnummer*", "sv nummer", "vsnr"],
        &[line("d10", austria), line("d4 d6", austria)],
    ),
    // Poland.
    // Act on the register of the population: century in the month, modulo 10.
    row("country/pl/pesel", &["pesel*"], &[line("d11", pesel), word("d6 d5", pesel)]),
    // Ministry of finance: modulo 11.
    row(
        "country/pl/nip",
        &["nip", "identyfikacji podatkowej", "vat*", "podatnik*"],
        &[
            alone("PL_d10", vat_pl),
            alone("d3-d3-d2-d2", nip),
            alone("d3-d2-d2-d3", nip),
            line("d10", plain_nip),
            word("d10", nip),
        ],
    ),
    // The Czech Republic and Slovakia share their numbers of birth.
    // Act 133/2000, section 13: divided by eleven since 1954.
    row(
        "country/cz/birth-number",
        &["rodné číslo", "rodne cislo", "rč", "rc", "birth number"],
        &[
            alone("d6/d4", birth_number),
            line("d10", birth_number),
            word("d6/d3", birth_number),
            word("d9", birth_number),
        ],
    ),
    // Tax code 280/2009, section 130: the number of birth or of the company behind CZ.
    row(
        "country/cz/tin",
        &["dič", "dic", "tin", "vat*", "ičo", "ico"],
        &[
            alone("CZ_d6/d3~4", birth_number_cz),
            alone("CZ_d9~10", birth_number_cz),
            word("CZ_d8", any),
            word("d8", any),
        ],
    ),
    // Act 301/1995: divided by eleven since 1954.
    row(
        "country/sk/birth-number",
        &["rodné číslo", "rodne cislo", "rč", "rc", "birth number"],
        &[
            alone("d6/d4", birth_number),
            line("d10", birth_number),
            word("d6/d3", birth_number),
            word("d9", birth_number),
        ],
    ),
    // Hungary.
    // NAV, by way of the OECD on tax numbers: 8, days since 1867, modulo 11.
    row(
        "country/hu/tin",
        &["adóazonosító*", "adoazonosito*", "adó*", "tin", "tax id"],
        &[line("d10", hungary), line("d3 d3 d3 d", hungary)],
    ),
    // Romania.
    // Law 105/1996: date, county, modulo 11.
    row("country/ro/cnp", &["cnp", "cod numeric", "numeric personal"], &[line("d13", cnp)]),
    // Bulgaria.
    // GRAO: century in the month, modulo 11.
    row("country/bg/egn", &["егн", "egn", "ЕГН"], &[line("d10", egn)]),
    // Greece.
    // IDIKA: date, Luhn.
    row("country/gr/amka", &["amka", "αμκα", "ΑΜΚΑ"], &[line("d11", amka)]),
    // AADE: powers of two, modulo 11.
    row(
        "country/gr/tin",
        &["αφμ", "ΑΦΜ", "afm", "tin", "vat*"],
        &[line("d9", greek_tin), line("d3 d3 d3", greek_tin), word("d3_d6", greek_tin)],
    ),
    // Slovenia.
    // Central register of the population act: date, region, modulo 11.
    row(
        "country/si/emso",
        &["emšo", "emso", "EMŠO", "matična"],
        &[line("d13", emso), line("d2 d2 d3 d2 d3 d", emso)],
    ),
    // FURS: weights 8 to 2, modulo 11.
    row(
        "country/si/tin",
        &["davčna*", "davcna*", "tin", "vat*"],
        &[line("d8", slovenian_tin), alone("SId8", vat_si)],
    ),
    // The Baltic states.
    // Law on the register of residents: two rounds of weights, modulo 11.
    row(
        "country/lt/personal-code",
        &["asmens kodas", "asmens", "personal code"],
        &[line("d11", baltic), line("d3 d3 d3 d2", baltic)],
    ),
    // EVS 585: two rounds of weights, modulo 11.
    row("country/ee/personal-code", &["isikukood*", "personal code"], &[line("d11", baltic)]),
    // PMLP: date and modulo 11 until 2017, 32 in front since.
    row(
        "country/lv/personal-code",
        &["personas kods", "personas", "personal code"],
        &[alone("d6-d5", latvia), line("d11", latvia)],
    ),
    // Finland.
    // DVV: character modulo 31.
    row(
        "country/fi/hetu",
        &["hetu*", "henkilötunnus*", "henkilotunnus*"],
        &[alone("d6-d3w", hetu), alone("d6+d3w", hetu), alone("d6ld3w", hetu)],
    ),
    // Sweden.
    // Skatteverket, SKV 704: date, Luhn; the day + 60 for coordination numbers.
    row(
        "country/se/personal-number",
        &["personnummer*", "pnr", "personal identity", "samordningsnummer*", "swedish id"],
        &[
            alone("d6-d4", swedish_person),
            alone("d6+d4", swedish_person),
            alone("d8-d4", swedish_long),
            line("d12", swedish_long),
            line("d10", swedish_person),
        ],
    ),
    // Skatteverket, SKV 709: third digit 2 at least, Luhn.
    row(
        "country/se/organisation-number",
        &["orgnummer*", "organisationsnummer*", "org nr", "company identity", "orgnr"],
        &[
            alone("d6-d4", swedish_company),
            line("d10", swedish_large_company),
            word("d10", swedish_company),
        ],
    ),
];

fn nhs(value: &[u8]) -> bool {
    let sum = weighted(value, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
    (11 - sum % 11) % 11 == digit(value, 9) && !is_uniform(value)
}

/// Not of the blocks that no part of the health service has.
fn nhs_in_use(value: &[u8]) -> bool {
    !matches!(value[0], b'5' | b'8') && nhs(value)
}

/// Prefixes that are given out, a suffix from A to D.
fn nino(value: &[u8]) -> bool {
    let [first, second, .., last] = *value else { return false };
    let void = [*b"BG", *b"GB", *b"KN", *b"NK", *b"NT", *b"TN", *b"ZZ"];
    matches!(last, b'A'..=b'D')
        && !b"DFIQUV".contains(&first)
        && !b"DFIOQUV".contains(&second)
        && !void.contains(&[first, second])
}

/// Areas, and the letters that are used behind the blank.
fn postcode(value: &[u8]) -> bool {
    let [first, .., _, second_last, last] = *value else { return false };
    !b"QVX".contains(&first) && ![second_last, last].iter().any(|byte| b"CIKMOV".contains(byte))
}

/// Five letters of the name, the birth day split around the decade, a check of the month.
fn uk_licence(value: &[u8]) -> bool {
    let name = value.get(..5).unwrap_or_default();
    let letters = name.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (month, day) = (number(value, 6..8), number(value, 8..10));
    letters > 0
        && name[letters..].iter().all(|&byte| byte == b'9')
        && is_day(if month > 50 { month - 50 } else { month }, day)
        && value[11].is_ascii_alphabetic()
        && (value[12].is_ascii_alphabetic() || value[12] == b'9')
}

fn uk_plate(value: &[u8]) -> bool {
    !value.iter().any(|byte| matches!(byte, b'I' | b'Q'))
        && value[0] != b'Z'
        && matches!(number(value, 2..4), 2..=29 | 51..=79)
}

fn uk_old_plate(value: &[u8]) -> bool {
    let year = if value[1].is_ascii_digit() { value[0] } else { value[value.len() - 1] };
    !b"IOQUZ".contains(&year)
}

/// The last ten digits: the first of them checks the others.
fn utr(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"K").or(value.strip_suffix(b"K")).unwrap_or(value);
    let Some(last) = value.len().checked_sub(10).map(|from| &value[from..]) else { return false };
    let sum = weighted(&last[1..], &[6, 7, 8, 9, 10, 5, 4, 3, 2]);
    [2, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1][sum as usize % 11] == digit(last, 0)
}

/// One digit twice or three times among the first ten, every other at most once.
fn de_tax_id(value: &[u8]) -> bool {
    let mut counts = [0; 10];
    for digit in digits(value).take(10) {
        counts[digit as usize % 10] += 1;
    }
    let several = counts.iter().filter(|&&count| count > 1).count();
    let most = counts.iter().max().copied().unwrap_or(0);
    several == 1 && most <= 3 && value[0] != b'0' && mod_11_10(value)
}

/// As they are written in examples: every digit once.
fn de_loose_tax_id(value: &[u8]) -> bool {
    let once = (0..10).all(|of| digits(value).take(10).filter(|&digit| digit == of).count() == 1);
    once && value[0] != b'0' && mod_11_10(value)
}

/// Of the states whose numbers begin with zero, which few other numbers do.
fn de_low_tax_number(value: &[u8]) -> bool {
    value[0] == b'0' && de_tax_number(value)
}

/// The offices of the sixteen states, in the layout for all of Germany.
fn de_tax_number(value: &[u8]) -> bool {
    begins_with(value, 2, &[(1, 16)]) && !is_time(value)
}

/// Letters that cannot be taken for digits or make words.
const SERIAL: &[u8] = b"0123456789CFGHJKLMNPRTVWXYZ";

/// A serial number of nine characters with its check digit behind it.
fn de_document(value: &[u8]) -> bool {
    are_of(value, 0..9, SERIAL) && u32::from(value[9] - b'0') == machine_readable(&value[..9])
}

/// A serial number whose last digit checks the others.
fn de_serial(value: &[u8]) -> bool {
    are_of(value, 0..9, SERIAL) && digit(value, 8) == machine_readable(&value[..8])
}

/// The letter as two digits, cross sums, a date that may be moved by fifty days.
fn de_social_security(value: &[u8]) -> bool {
    let [.., letter, _, _, _] = *value else { return false };
    let place = u32::from(letter.wrapping_sub(b'A')) + 1;
    let numbers = digits(&value[..8])
        .chain([place / 10, place % 10])
        .chain(digits(&value[9..]))
        .collect::<Vec<_>>();
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let cross = |number: u32| number / 10 + number % 10;
    let sum: u32 = numbers.iter().zip(weights).map(|(n, w)| cross(n * w)).sum();
    let (day, month) = (number(value, 2..4), number(value, 4..6));
    let day = if day > 50 { day - 50 } else { day };
    (month == 0 || is_day(month, day)) && numbers.last() == Some(&(sum % 10))
}

/// The letter as two digits, every second one doubled, cross sums.
fn de_health(value: &[u8]) -> bool {
    let place = u32::from(value[0].wrapping_sub(b'A')) + 1;
    let numbers = [place / 10, place % 10].into_iter().chain(digits(&value[1..9]));
    let sum: u32 = numbers
        .zip([1, 2].iter().cycle())
        .map(|(number, weight)| number * weight)
        .map(|product| product / 10 + product % 10)
        .sum();
    sum % 10 == digit(value, 9)
}

fn vat_de(value: &[u8]) -> bool {
    value[2] != b'0' && mod_11_10(&value[2..])
}

/// Six digits with the weights 4 and 9, the check, two for the specialty.
fn lanr(value: &[u8]) -> bool {
    let sum = weighted(value, &[4, 9, 4, 9, 4, 9]);
    (10 - sum % 10) % 10 == digit(value, 6) && number(value, 7..9) > 0
}

/// The regions of the associations of panel doctors.
fn bsnr(value: &[u8]) -> bool {
    let regions = [(1, 3), (6, 6), (17, 17), (20, 21), (27, 28), (31, 31), (35, 39), (46, 48)];
    let more = [(51, 53), (61, 63), (71, 73), (78, 83), (85, 88), (93, 99)];
    begins_with(value, 2, &regions) || begins_with(value, 2, &more)
}

fn de_plate(value: &[u8]) -> bool {
    value.iter().find(|byte| byte.is_ascii_digit()) != Some(&b'0')
}

fn de_postcode(value: &[u8]) -> bool {
    (1001..=99998).contains(&number(value, 0..5))
}

/// Sex, year, month, department, commune, order, and 97 less the remainder.
fn nir(value: &[u8]) -> bool {
    let [sex, ..] = *value else { return false };
    let mut plain = [0; 13];
    plain.copy_from_slice(&value[..13]);
    match &plain[5..7] {
        b"2A" => plain[5..7].copy_from_slice(b"19"),
        b"2B" => plain[5..7].copy_from_slice(b"18"),
        _ => {}
    }
    let month = number(value, 3..5);
    plain.iter().all(u8::is_ascii_digit)
        && matches!(sex, b'1'..=b'4' | b'7' | b'8')
        && matches!(month, 1..=12 | 20..=42 | 50..=99)
        && u64::from(97 - remainder(&plain, 97)) == number(value, 13..15)
}

/// Ten digits modulo 511.
fn fr_nif(value: &[u8]) -> bool {
    value[0] <= b'3' && number(value, 0..10) % 511 == number(value, 10..13) && !is_uniform(value)
}

/// The letter for a number modulo 23.
fn spanish_letter(number: u64, letter: u8) -> bool {
    b"TRWAGMYFPDXBNJZSQVHLCKE".get((number % 23) as usize) == Some(&letter)
}

fn dni(value: &[u8]) -> bool {
    let last = value.len() - 1;
    spanish_letter(number(value, 0..last), value[last])
}

fn nie(value: &[u8]) -> bool {
    let first = match value[0] {
        b'X' => 0,
        b'Y' => 1,
        b'Z' => 2,
        _ => return false,
    };
    spanish_letter(first * 10_000_000 + number(value, 1..8), value[8])
}

/// Province and number modulo 97; short numbers count without the zeros before them.
fn nuss(value: &[u8]) -> bool {
    let (province, order) = (number(value, 0..2), number(value, 2..10));
    let whole =
        if order < 10_000_000 { province * 10_000_000 + order } else { number(value, 0..10) };
    whole % 97 == number(value, 10..12) && !is_time(value) && province > 0
}

/// Names, birth and place, with a check letter; digits may be letters where two codes would meet.
fn fiscal_code(value: &[u8]) -> bool {
    const ODD: [u32; 36] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3,
        6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
    ];
    let of = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte.wrapping_sub(b'A') + 10,
    };
    let sum: u32 = value[..15]
        .iter()
        .enumerate()
        .map(|(index, &byte)| match (index % 2, of(byte)) {
            (0, place) => ODD.get(usize::from(place)).copied().unwrap_or(0),
            (_, place) if place > 9 => u32::from(place) - 10,
            (_, place) => u32::from(place),
        })
        .sum();
    let numeric = |at: usize| value[at].is_ascii_digit() || b"LMNPQRSTUV".contains(&value[at]);
    [6, 7, 9, 10, 12, 13, 14].into_iter().all(numeric)
        && b"ABCDEHLMPRST".contains(&value[8])
        && sum % 26 == u32::from(value[15] - b'A')
}

/// A number, the office that gave it out, Luhn.
fn vat_it(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"IT").unwrap_or(value);
    luhn(value)
        && number(value, 0..7) > 0
        && begins_with(&value[7..], 3, &[(1, 100), (120, 121), (888, 888), (999, 999)])
}

fn pt_nif(value: &[u8]) -> bool {
    let sum = weighted(value, &[9, 8, 7, 6, 5, 4, 3, 2]);
    let check = match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    value[0] != b'0' && check == digit(value, 8) && !is_uniform(value)
}

fn plain_pt_nif(value: &[u8]) -> bool {
    pt_nif(value) && !is_typed(value)
}

fn vat_pt(value: &[u8]) -> bool {
    pt_nif(&value[2..])
}

/// The last digit counts with weight -1; eight digits lack a zero.
fn bsn(value: &[u8]) -> bool {
    let weights: &[u32] =
        if value.len() == 8 { &[8, 7, 6, 5, 4, 3, 2] } else { &[9, 8, 7, 6, 5, 4, 3, 2] };
    let sum = weighted(value, weights) + 11 - digit(value, value.len() - 1).min(11);
    sum.is_multiple_of(11) && !is_uniform(value) && !is_time(value)
}

/// 97 less the remainder, for those born since 2000 with a 2 before the number.
fn belgium(value: &[u8]) -> bool {
    let first = number(value, 0..9);
    let check = number(value, 9..11);
    let (month, day) = (number(value, 2..4), number(value, 4..6));
    let month = if month <= 52 { month % 20 } else { 99 };
    (is_day(month, day) || (month == 0 && day <= 31))
        && first > 0
        && [first, 2_000_000_000 + first].iter().any(|number| 97 - number % 97 == check)
}

/// A date, a number, and both Luhn and Verhoeff over the first eleven digits.
fn luxembourg(value: &[u8]) -> bool {
    let mut checked = [0; 12];
    checked[..11].copy_from_slice(&value[..11]);
    checked[11] = value[12];
    super::check::is_long_ymd(value, 0) && luhn(&value[..12]) && verhoeff(&checked)
}

/// A letter modulo 23; a second one counts nine times.
fn pps(value: &[u8]) -> bool {
    let letter = |at: usize| match value.get(at) {
        None | Some(b'W') => 0,
        Some(byte) => u32::from(byte.wrapping_sub(b'A')) + 1,
    };
    let sum = weighted(&value[..7], &[8, 7, 6, 5, 4, 3, 2]) + 9 * letter(8);
    b"WABCDEFGHIJKLMNOPQRSTUV"[sum as usize % 23] == value[7]
        && value.get(8).is_none_or(|byte| matches!(byte, b'A'..=b'I' | b'W'))
        && value.get(9).is_none_or(|&byte| byte == b'X')
}

/// The fourth digit checks the others; months above twelve stand for days that are not known.
fn austria(value: &[u8]) -> bool {
    let sum = weighted(value, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    let (day, month) = (number(value, 4..6), number(value, 6..8));
    value[0] != b'0'
        && sum % 11 == digit(value, 3)
        && (1..=31).contains(&day)
        && (1..=15).contains(&month)
}

/// The century is in the month.
fn pesel(value: &[u8]) -> bool {
    let sum = weighted(value, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    let month = number(value, 2..4) % 20;
    sum.is_multiple_of(10) && is_day(month, number(value, 4..6))
}

fn nip(value: &[u8]) -> bool {
    weighted(value, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == digit(value, 9)
        && value[0] != b'0'
        && !is_uniform(value)
}

fn plain_nip(value: &[u8]) -> bool {
    nip(value) && !is_typed(value)
}

fn vat_pl(value: &[u8]) -> bool {
    nip(&value[2..])
}

/// Months of women + 50, of numbers that would not suffice + 20; ten digits divide by eleven.
fn birth_number(value: &[u8]) -> bool {
    let month = number(value, 2..4);
    let month = if month > 50 { month.saturating_sub(50) } else { month };
    // These are given out since 2004.
    let month =
        if month > 20 && (4..54).contains(&number(value, 0..2)) { month - 20 } else { month };
    let checks = value.len() == 9
        || remainder(value, 11) == 0
        || (remainder(&value[..9], 11) == 10 && value[9] == b'0');
    is_day(month, number(value, 4..6)) && checks
}

fn birth_number_cz(value: &[u8]) -> bool {
    birth_number(&value[2..])
}

fn hungary(value: &[u8]) -> bool {
    weighted(value, &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 == digit(value, 9)
        && matches!(value[0], b'2' | b'8')
        && !is_uniform(value)
}

/// Sex and century, date, county, number.
fn cnp(value: &[u8]) -> bool {
    let check = match weighted(value, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11 {
        10 => 1,
        rest => rest,
    };
    value[0] != b'0'
        && is_ymd(value, 1)
        && matches!(number(value, 7..9), 1..=52 | 70)
        && check == digit(value, 12)
}

/// Months before 1900 + 20, since 2000 + 40.
fn egn(value: &[u8]) -> bool {
    let month = number(value, 2..4);
    month <= 52
        && is_day(month % 20, number(value, 4..6))
        && weighted(value, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == digit(value, 9)
}

fn amka(value: &[u8]) -> bool {
    (is_dmy(value, 0) || is_ymd(value, 0)) && luhn(value)
}

fn greek_tin(value: &[u8]) -> bool {
    let sum = weighted(value, &[256, 128, 64, 32, 16, 8, 4, 2]);
    sum % 11 % 10 == digit(value, 8) && !is_uniform(value)
}

/// Day, month, three digits of the year, the region, number.
fn emso(value: &[u8]) -> bool {
    let sum = weighted(value, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    is_day(number(value, 2..4), number(value, 0..2)) && (11 - sum % 11) % 11 == digit(value, 12)
}

fn slovenian_tin(value: &[u8]) -> bool {
    let check = match 11 - weighted(value, &[8, 7, 6, 5, 4, 3, 2]) % 11 {
        10 => 0,
        check => check,
    };
    number(value, 0..8) > 10_000_009 && check == digit(value, 7) && !is_time(value)
}

fn vat_si(value: &[u8]) -> bool {
    slovenian_tin(&value[2..])
}

/// Sex and century, date, number; the weights are shifted where the first remainder is 10.
fn baltic(value: &[u8]) -> bool {
    let rest = |weights: &[u32]| weighted(value, weights) % 11;
    let check = match rest(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) {
        10 => rest(&[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 10,
        check => check,
    };
    matches!(value[0], b'1'..=b'8') && is_ymd(value, 1) && check == digit(value, 10)
}

/// A date, or 32 for those given out since 2017, which say nothing of the birth.
fn latvia(value: &[u8]) -> bool {
    let sum = weighted(value, &[1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let check = (1101 - sum) % 11 % 10 == digit(value, 10);
    match number(value, 0..2) {
        32 => true,
        _ => is_dmy(value, 0) && check && !is_uniform(value),
    }
}

/// Modulo 31.
fn hetu(value: &[u8]) -> bool {
    let (sign, rest) = match value.len() {
        10 => (b'-', &value[6..10]),
        _ => (value[6], &value[7..11]),
    };
    let whole = number(value, 0..6) * 1000 + number(rest, 0..3);
    matches!(sign, b'-' | b'A'..=b'F' | b'U'..=b'Y')
        && is_dmy(value, 0)
        && b"0123456789ABCDEFHJKLMNPRSTUVWXY".get((whole % 31) as usize) == rest.get(3)
}

/// A date, the day + 60 for those who are not registered, Luhn.
fn swedish_person(value: &[u8]) -> bool {
    let day = number(value, 4..6);
    let day = if day > 60 { day.saturating_sub(60) } else { day };
    is_day(number(value, 2..4), day) && luhn(value)
}

fn swedish_long(value: &[u8]) -> bool {
    matches!(number(value, 0..2), 18..=20) && swedish_person(&value[2..])
}

/// Of the kinds that do business.
fn swedish_large_company(value: &[u8]) -> bool {
    matches!(value[0], b'2' | b'5' | b'7'..=b'9') && swedish_company(value)
}

/// The third digit is 2 at least, so that it is no month.
fn swedish_company(value: &[u8]) -> bool {
    value[2] >= b'2' && luhn(value)
}

#[cfg(test)]
mod tests {
    use crate::pack::tests::check;

    #[test]
    fn united_kingdom() {
        check("country/uk", "NHS number 577-602-2371", Some("577-602-2371"));
        check("country/uk", "NHS number 577-602-2372", None);
        check("country/uk", "call 577-602-2371 now", None);
        check("country/uk", "nino: KT 508271C", Some("KT 508271C"));
        check("country/uk", "x KT 50 82 71 B y", Some("KT 50 82 71 B"));
        check("country/uk", "BG508271A", None);
        check("country/uk", "KETTL805142RT9VW", Some("KETTL805142RT9VW"));
        check("country/uk", "My address is SW1A 1AA", Some("SW1A 1AA"));
        check("country/uk", "version SW1A 1AA", None);
        check("country/uk", "car reg KT52 VRN", Some("KT52 VRN"));
        check("country/uk", "car reg KT35 VRN", None);
        check("country/uk", "utr 2408172635", Some("2408172635"));
        check("country/uk", "passport KT5082716", Some("KT5082716"));
    }

    #[test]
    fn germany() {
        check("country/de", "x 50842719350 y", Some("50842719350"));
        check("country/de", "x 50842719351 y", None);
        check("country/de", "St.-Nr. 217/508/40936", Some("217/508/40936"));
        check("country/de", "Personalausweis: T50827164.", Some("T50827164"));
        check("country/de", "Reisepass L7KV2RT492", Some("L7KV2RT492"));
        check("country/de", "RV 53 230876 M042", Some("53 230876 M042"));
        check("country/de", "RV 53 230876 M043", None);
        check("country/de", "KVNR: M482071934", Some("M482071934"));
        check("country/de", "DE 284-037.197", Some("DE 284-037.197"));
        check("country/de", "LANR: 627041534 der", Some("627041534"));
        check("country/de", "BSNR 725082716", Some("725082716"));
        check("country/de", "Kennzeichen HB-KT-5082.", Some("HB-KT-5082"));
        check("country/de", "Führerscheinnummer: KT50827164R", Some("KT50827164R"));
        check("country/de", "im HRB 50827.", Some("HRB 50827"));
        check("country/de", "PLZ: 10115", Some("10115"));
        check("country/de", "wait 10115", None);
    }

    #[test]
    fn western_europe() {
        check("country/fr", "x 1 84 03 75 116 042 35", Some("1 84 03 75 116 042 35"));
        check("country/fr", "275112A04130774", Some("275112A04130774"));
        check("country/fr", "184037511604236", None);
        check("country/fr", "14 09 274 183 058", Some("14 09 274 183 058"));
        check("country/es", "DNI 40718293J", Some("40718293J"));
        check("country/es", "Y4820571S, NIE", Some("Y4820571S"));
        check("country/es", "x 40718293A", None);
        check("country/es", "nuss 413827351958", Some("413827351958"));
        check("country/it", "x RSSLGU84H52L219Q y", Some("RSSLGU84H52L219Q"));
        check("country/it", "x RSSLGU84H52L219A y", None);
        check("country/it", "IVA 04827160351", Some("04827160351"));
        check("country/pt", "NIF 248 170 368", Some("248 170 368"));
        check("country/nl", "BSN 317437136", Some("317437136"));
        check("country/nl", "BSN 317437137", None);
        check("country/be", "x 92.04.17-263.23", Some("92.04.17-263.23"));
        check("country/be", "niss 08092314606", Some("08092314606"));
        check("country/lu", "1984092637144", Some("1984092637144"));
        check("country/ie", "x 4820617UB", Some("4820617UB"));
        check("country/ie", "x 4820617AB", None);
        check("country/at", "SVNR 1003 230674", Some("1003 230674"));
    }

    #[test]
    fn eastern_and_northern_europe() {
        check("country/pl", "pesel: 84092717358.", Some("84092717358"));
        check("country/pl", "PL7589602501", Some("PL7589602501"));
        check("country/cz", "r 845927/4802", Some("845927/4802"));
        check("country/cz", "CZ 480715/362", Some("CZ 480715/362"));
        check("country/sk", "rodné číslo 8459274802", Some("8459274802"));
        check("country/hu", "adóazonosító jel 8349189614", Some("8349189614"));
        check("country/ro", "CNP 2840927124074", Some("2840927124074"));
        check("country/bg", "ЕГН 8409273140", Some("8409273140"));
        check("country/gr", "AMKA 27098417358", Some("27098417358"));
        check("country/gr", "AFM 048172634", Some("048172634"));
        check("country/si", "EMŠO 2709984500889", Some("2709984500889"));
        check("country/lt", "asmens kodas 48409271733", Some("48409271733"));
        check("country/ee", "isikukood 37904125820", Some("37904125820"));
        check("country/lv", "270984-10008", Some("270984-10008"));
        check("country/fi", "x 270984-317K y", Some("270984-317K"));
        check("country/fi", "x 270984-317A y", None);
        check("country/se", "840927-4175", Some("840927-4175"));
        check("country/se", "559204-3185 är vårt orgnummer.", Some("559204-3185"));
    }
}
