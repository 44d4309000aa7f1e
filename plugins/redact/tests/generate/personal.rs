//! Personal data and secrets, invented from what is known of their formats, in the texts in which
//! they leak: sentences, JSON, log lines, headers, forms.
//!
//! Nothing here is anybody's: numbers and names are drawn by chance, tokens are noise behind a
//! published prefix.

use super::{ALNUM, BASE64, LOWER, Noise, UPPER};

/// A text, and what must not be left of it.
pub(crate) struct Case {
    pub(crate) text: String,
    pub(crate) value: String,
}

/// What is invented for one entity.
type Maker = fn(&mut Noise) -> Case;

/// Each entity with its makers, all of which are asked equally often.
pub(crate) const ENTITIES: &[(&str, &[Maker])] = &[
    ("email", &[email]),
    ("card", &[card]),
    ("iban", &[iban]),
    ("us-ssn", &[ssn]),
    ("phone, international", &[phone_international]),
    ("phone, national", &[phone_national]),
    ("ip", &[ip_v4, ip_v6]),
    ("mac", &[mac]),
    ("jwt", &[jwt]),
    ("bearer", &[bearer]),
    ("basic", &[basic]),
    ("cookie", &[cookie]),
    ("url-userinfo", &[userinfo]),
    ("url-signature", &[signature]),
    ("private-key", &[private_key]),
    ("password", &[password]),
    ("names of secrets", &[named_secret]),
    ("secret", &[secret]),
];

/// So many cases of one entity.
pub(crate) fn cases(makers: &[Maker], seed: u64, count: usize) -> impl Iterator<Item = Case> {
    let mut noise = Noise::new(seed);
    (0..count).map(move |index| makers[index % makers.len()](&mut noise))
}

const FIRST: &[&str] = &[
    "anna", "budi", "chen", "dewi", "erik", "fatima", "george", "hanna", "ivan", "jane", "kofi",
    "lucia", "marek", "nina", "omar", "priya", "quentin", "rosa", "sven", "tanja", "umar",
    "viktor", "wayan", "yuki", "zoe",
];
const LAST: &[&str] = &[
    "adler", "berg", "costa", "dubois", "eriksen", "fischer", "garcia", "hadi", "ito", "jansen",
    "kowalski", "lopez", "meyer", "novak", "okafor", "pratama", "quist", "rossi", "santoso",
    "tanaka", "ueda", "vogel", "wijaya", "yilmaz",
];

impl Noise {
    fn first(&mut self) -> &'static str {
        self.one(FIRST)
    }

    fn last(&mut self) -> &'static str {
        self.one(LAST)
    }

    /// The value in a text that says nothing about it.
    fn bare(&mut self, value: String) -> Case {
        let text = match self.below(16) {
            0 => value.clone(),
            1 => format!("Please check {value} and come back to me."),
            2 => format!("2026-11-03T12:00:01Z INFO worker-3 done for {value}"),
            3 => format!("{{\"level\":\"info\",\"msg\":\"seen {value}\",\"n\":1}}"),
            4 => format!("{{\"a\": \"{value}\", \"b\": [1, 2]}}"),
            5 => format!("level=warn subject=\"{value}\" n=3"),
            6 => format!("level=warn subject={value} n=3").replace('\n', " "),
            7 => format!("x=1&ref={value}&y=2"),
            8 => format!("| 17 | {value} | open |"),
            9 => format!("17,{value},open"),
            10 => format!("<td>{value}</td>"),
            11 => format!("({value})"),
            12 => format!("Is it {value}?"),
            13 => format!("{{\"msg\":\"{{\\\"to\\\":\\\"{value}\\\"}}\"}}"),
            14 => format!("ref: '{value}'"),
            _ => format!("It was {value}."),
        };
        Case { text, value }
    }

    fn in_text(&mut self, value: String, text: String) -> Case {
        Case { text, value }
    }

    /// A name for a field in one of the usual spellings.
    fn spelled(&mut self, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        let title = |word: &str| format!("{}{}", word[..1].to_uppercase(), &word[1..]);
        match self.below(7) {
            0 => words.join("_"),
            1 => words.join("-"),
            2 => words.join("_").to_uppercase(),
            3 => words[0].to_owned() + &words[1..].iter().map(|w| title(w)).collect::<String>(),
            4 => words.iter().map(|w| title(w)).collect(),
            5 => words.iter().map(|w| title(w)).collect::<Vec<_>>().join("-"),
            _ => words.join("."),
        }
    }

    /// A value with its name, as formats write it.
    fn pair(&mut self, name: &str, value: &str) -> String {
        match self.below(9) {
            0 => format!("{{\"{name}\":\"{value}\"}}"),
            1 => format!("{{\"user\": {{\"id\": 7, \"{name}\": \"{value}\"}}}}"),
            2 => format!("ts=1 {name}={value} ok=true"),
            3 => format!("{name}: {value}"),
            4 => format!("{{'{name}': '{value}', 'n': 1}}"),
            5 => format!("POST /login a=1&{name}={value}&b=2"),
            6 => format!("{name} = \"{value}\""),
            7 => format!("{{:{name}=>\"{value}\", :n=>1}}"),
            _ => format!("{{\"body\":\"{{\\\"{name}\\\":\\\"{value}\\\"}}\"}}"),
        }
    }
}

fn email(n: &mut Noise) -> Case {
    let (first, last) = (n.first(), n.last());
    let local = match n.below(10) {
        0 => format!("{first}.{last}"),
        1 => format!("{first}{}", n.digits(2)),
        2 => format!("{}{last}", &first[..1]),
        3 => format!("{first}_{last}"),
        4 => format!("{first}+{}", n.text(LOWER, 5)),
        5 => format!("{first}-{last}"),
        6 => format!("{first}.O'{last}"),
        7 => format!("{}{}", first.to_uppercase(), n.digits(4)),
        8 => n.text(ALNUM, 12),
        _ => format!("{first}.{}.{last}", &last[..1]),
    };
    let (host, number) = (n.last(), n.digits(2));
    let domain = match n.below(9) {
        0 => "example.com".to_owned(),
        1 => format!("mail.{host}.co.uk"),
        2 => format!("{host}.example"),
        3 => format!("{host}{number}.io"),
        4 => format!("{host}-{first}.com.br"),
        5 => format!("{}.DE", host.to_uppercase()),
        6 => format!("{host}.museum"),
        7 => format!("xn--{host}-kva.de"),
        _ => format!("b{}cher-{host}.de", "\u{fc}"),
    };
    let value = format!("{local}@{domain}");
    match n.below(14) {
        0 => n.in_text(value.clone(), format!("From: \"{first} {last}\" <{value}>")),
        1 => n.in_text(value.clone(), format!("<a href=\"mailto:{value}?subject=Hi\">write</a>")),
        2 => n.in_text(value.clone(), format!("To: {first} {last} <{value}>, others")),
        3 => n.in_text(value.clone(), format!("GET /reset?email={value} HTTP/1.1")),
        4 => n.in_text(local.clone(), format!("GET /reset?email={local}%40{domain} HTTP/1.1")),
        5 => n.in_text(value.clone(), format!("RCPT TO:<{value}> SIZE=1000")),
        6 => n.in_text(value.clone(), format!("email={value};name=x")),
        7 => n.in_text(value.clone(), format!("[{value}] signed in")),
        _ => n.bare(value),
    }
}

fn luhn(mut digits: String) -> String {
    let sum: usize = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = usize::from(digit - b'0');
            match index % 2 {
                0 if digit > 4 => 2 * digit - 9,
                0 => 2 * digit,
                _ => digit,
            }
        })
        .sum();
    digits.push(char::from(b'0' + ((10 - sum % 10) % 10) as u8));
    digits
}

fn groups(digits: &str, lengths: &[usize], sign: &str) -> String {
    let mut at = 0;
    let parts: Vec<&str> = lengths
        .iter()
        .map(|length| {
            at += length;
            &digits[at - length..at]
        })
        .collect();
    parts.join(sign)
}

fn card(n: &mut Noise) -> Case {
    let (prefix, length) = [
        ("4", 16),
        ("4539", 16),
        ("51", 16),
        ("5425", 16),
        ("2223", 16),
        ("2720", 16),
        ("34", 15),
        ("37", 15),
        ("6011", 16),
        ("65", 16),
        ("3528", 16),
        ("36", 14),
        ("3852", 14),
        ("62", 16),
        ("6304", 16),
        ("4", 19),
    ][n.below(16)];
    let value = luhn(format!("{prefix}{}", n.digits(length - 1 - prefix.len())));
    let lengths: &[usize] = match length {
        14 => &[4, 6, 4],
        15 => &[4, 6, 5],
        16 => &[4, 4, 4, 4],
        _ => &[4, 4, 4, 4, 3],
    };
    let written = match n.below(7) {
        0 => groups(&value, lengths, " "),
        1 => groups(&value, lengths, "-"),
        2 => groups(&value, lengths, "."),
        3 => groups(&value, lengths, "\u{a0}"),
        _ => value.clone(),
    };
    match n.below(8) {
        0 => n.in_text(written.clone(), format!("charged card {written} exp 12/29 for 20.00 EUR")),
        1 => n.in_text(
            value.clone(),
            format!("{{\"card\":{{\"number\":{value},\"exp\":\"12/29\"}}}}"),
        ),
        2 => n.in_text(value.clone(), format!("[1,{value},2]")),
        3 => n.in_text(written.clone(), format!("{{\"cardNumber\": \"{written}\"}}")),
        4 => {
            let form = groups(&value, lengths, "+");
            n.in_text(form.clone(), format!("name=J+D&cc={form}&cvc=123"))
        }
        _ => n.bare(written),
    }
}

/// Country and structure of the account behind the check digits.
const ACCOUNTS: &[(&str, &str)] = &[
    ("DE", "18n"),
    ("FR", "10n11c2n"),
    ("GB", "4a14n"),
    ("NL", "4a10n"),
    ("ES", "20n"),
    ("IT", "1a10n12c"),
    ("BE", "12n"),
    ("CH", "5n12c"),
    ("AT", "16n"),
    ("PL", "24n"),
    ("SE", "20n"),
    ("NO", "11n"),
    ("DK", "14n"),
    ("FI", "14n"),
    ("PT", "21n"),
    ("IE", "4a14n"),
    ("CZ", "20n"),
    ("HU", "24n"),
    ("RO", "4a16c"),
    ("GR", "7n16c"),
    ("TR", "5n1n16c"),
    ("SA", "2n18c"),
    ("AE", "19n"),
    ("MT", "4a5n18c"),
    ("LU", "3n13c"),
    ("UA", "6n19c"),
    ("BR", "23n1a1c"),
    ("HR", "17n"),
    ("SK", "20n"),
];

fn iban(n: &mut Noise) -> Case {
    let (country, structure) = ACCOUNTS[n.below(ACCOUNTS.len())];
    let mut account = String::new();
    let mut count = 0;
    for sign in structure.chars() {
        match sign.to_digit(10) {
            Some(digit) => count = count * 10 + digit as usize,
            None => {
                let alphabet = match sign {
                    'n' => super::DIGITS,
                    'a' => UPPER,
                    _ => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                };
                account.push_str(&n.text(alphabet, std::mem::take(&mut count)));
            }
        }
    }
    let rest = format!("{account}{country}00").bytes().fold(0usize, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + usize::from(byte - b'0')) % 97,
        _ => (rest * 100 + usize::from(byte - b'A') + 10) % 97,
    });
    let value = format!("{country}{:02}{account}", 98 - rest);
    let grouped = |sign: &str| {
        value.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(sign)
    };
    let written = match n.below(7) {
        0 | 1 => grouped(" "),
        2 => grouped("-"),
        3 => value.to_lowercase(),
        4 => grouped(" ").to_lowercase(),
        _ => value.clone(),
    };
    match n.below(6) {
        0 => n.in_text(written.clone(), format!("IBAN: {written}, BIC: COBADEFFXXX")),
        1 => n.in_text(written.clone(), format!("please pay to {written} until Friday")),
        2 => n.in_text(written.clone(), format!("iban={written}")),
        3 => n.in_text(grouped("+"), format!("account={}&x=1", grouped("+"))),
        _ => n.bare(written),
    }
}

fn ssn(n: &mut Noise) -> Case {
    let area = loop {
        let area = n.between(1, 899);
        if area != 666 && area != 78 && area != 219 {
            break area;
        }
    };
    let (group, serial) = (n.between(1, 99), n.between(1, 9999));
    let sign = n.one(&["-", "-", "-", " ", "."]);
    let value = format!("{area:03}{sign}{group:02}{sign}{serial:04}");
    let plain = format!("{area:03}{group:02}{serial:04}");
    match n.below(8) {
        0 => n.in_text(value.clone(), format!("SSN: {value}")),
        1 => n.in_text(plain.clone(), format!("ssn {plain} on file")),
        2 => n.in_text(plain.clone(), format!("{{\"ssn\":\"{plain}\"}}")),
        3 => n.in_text(plain.clone(), format!("{{\"socialSecurityNumber\":\"{plain}\"}}")),
        4 => n.in_text(value.clone(), format!("her social security number is {value}, born 1980")),
        5 => n.in_text(plain.clone(), format!("Social Security No. {plain}")),
        _ => {
            let value = value.replace([' ', '.'], "-");
            n.bare(value)
        }
    }
}

/// Country code and national forms: `#` is a digit, `@` one from 2 to 9.
const PHONES: &[(&str, &[&str])] = &[
    ("1", &["(@##) @##-####", "@##-@##-####", "@##.@##.####", "@## @## ####"]),
    ("44", &["020 #### ####", "07### ######", "(0161) ### ####", "01@#@ ######"]),
    ("49", &["030 ########", "0171 #######", "(030) ####-####", "089/########", "0@##-#######"]),
    ("33", &["01 ## ## ## ##", "06.##.##.##.##", "07-##-##-##-##", "06########"]),
    ("34", &["6## ## ## ##", "9## ### ###", "6########"]),
    ("39", &["06 #### ####", "34# ### ####", "02-########"]),
    ("31", &["06-########", "020 ### ####", "0@#-#######"]),
    ("32", &["047# ## ## ##", "02 ### ## ##"]),
    ("41", &["044 ### ## ##", "079 ### ## ##"]),
    ("43", &["01 #######", "0664 #######"]),
    ("48", &["5## ### ###", "22 ### ## ##"]),
    ("46", &["070-### ## ##", "08-### ## ##"]),
    ("47", &["4## ## ###", "## ## ## ##"]),
    ("45", &["@# ## ## ##", "########"]),
    ("351", &["91# ### ###", "21 ### ####"]),
    ("353", &["087 ### ####", "(01) ### ####"]),
    ("7", &["8 (9##) ###-##-##", "8-9##-###-##-##"]),
    ("90", &["05## ### ## ##", "(0212) ### ## ##"]),
    ("91", &["9#### #####", "09#########", "022-########"]),
    ("86", &["13# #### ####", "13#########", "010-########"]),
    ("81", &["090-####-####", "03-####-####"]),
    ("82", &["010-####-####", "02-###-####"]),
    ("55", &["(11) 9####-####", "(21) ####-####", "11 9####-####"]),
    ("52", &["55 #### ####", "(33) #### ####"]),
    ("54", &["11 ####-####", "(011) 4###-####"]),
    ("61", &["04## ### ###", "(02) 9### ####"]),
    ("62", &["0812-####-####", "0813########", "(021) ###-####", "0857 #### ###"]),
    ("65", &["9### ####", "6#######"]),
    ("60", &["012-### ####", "03-#### ####"]),
    ("66", &["081-###-####", "02 ### ####"]),
    ("84", &["091# ### ###", "098#######"]),
    ("63", &["0917 ### ####", "(02) 8### ####"]),
    ("27", &["082 ### ####", "(011) ###-####"]),
    ("234", &["0803 ### ####", "080########"]),
    ("972", &["052-###-####", "05########"]),
    ("971", &["050 ### ####", "04 ### ####"]),
];

/// What stands before a number in many languages.
const PHONE_WORDS: &[&str] = &[
    "Phone: ",
    "phone number: ",
    "Tel: ",
    "Tel.: ",
    "tel ",
    "Telephone: ",
    "Mobile: ",
    "Cell: ",
    "Fax: ",
    "WhatsApp: ",
    "call me at ",
    "You can reach me on ",
    "please call ",
    "my number is ",
    "Telefon: ",
    "Telefonnummer: ",
    "Handy: ",
    "Mobil: ",
    "Rufnummer: ",
    "Tél. : ",
    "Téléphone : ",
    "Portable : ",
    "Teléfono: ",
    "Móvil: ",
    "Celular: ",
    "Telefono: ",
    "Cellulare: ",
    "Telefone: ",
    "Telemóvel: ",
    "Telefoon: ",
    "Mobiel: ",
    "GSM: ",
    "Puhelin: ",
    "Telefonní číslo: ",
    "Numer telefonu: ",
    "Telefonszám: ",
    "Телефон: ",
    "тел. ",
    "电话：",
    "手机: ",
    "電話番号: ",
    "携帯: ",
    "전화: ",
    "휴대폰: ",
    "No. HP: ",
    "Nomor telepon: ",
    "Telp. ",
    "WA: ",
    "Điện thoại: ",
    "SĐT: ",
    "โทร. ",
    "טלפון: ",
    "هاتف: ",
    "contact no. ",
    "text me at ",
    "ring me on ",
    "my cell is ",
    "dial ",
    "Hotline: ",
    "phone=",
    "phone_number=",
    "mobile=",
    "msisdn=",
    "{\"phone\":\"",
    "{\"phoneNumber\":\"",
    "{\"mobile_no\": \"",
    "{\"contactNumber\":\"",
    "{\"homePhone\":\"",
    "{\"tel\":\"",
    "{\"customer_phone\":\"",
    "{\"no_hp\":\"",
    "{\"Phone Number\":\"",
    "X-Phone: ",
    "<phone>",
];

fn digits_of(n: &mut Noise, form: &str) -> String {
    form.chars()
        .map(|sign| match sign {
            '#' => n.digits(1),
            '@' => n.between(2, 9).to_string(),
            other => other.to_string(),
        })
        .collect()
}

fn behind_word(n: &mut Noise, word: &str, value: String) -> Case {
    let end =
        if word.starts_with('{') { "\"}" } else { n.one(&["", ".", ", thanks", " today", "\n"]) };
    n.in_text(value.clone(), format!("{word}{value}{end}"))
}

fn phone_national(n: &mut Noise) -> Case {
    let (_, forms) = PHONES[n.below(PHONES.len())];
    let form = forms[n.below(forms.len())];
    let value = digits_of(n, form);
    let word = n.one(PHONE_WORDS);
    behind_word(n, word, value)
}

fn phone_international(n: &mut Noise) -> Case {
    let (code, forms) = PHONES[n.below(PHONES.len())];
    let form = forms[n.below(forms.len())];
    // Inside the country a zero (in Russia an eight) stands before the number.
    let national = match form {
        _ if code == "39" => form.to_owned(),
        _ if code == "7" => form[1..].trim_start_matches([' ', '-']).to_owned(),
        form => match form.strip_prefix('(') {
            Some(rest) => format!("({}", rest.trim_start_matches('0')),
            None => form.trim_start_matches('0').to_owned(),
        },
    };
    let sign = n.one(&[" ", " ", "-", ""]);
    let mut value = format!("+{code}{sign}{}", digits_of(n, &national));
    match n.below(6) {
        0 => value = value.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect(),
        1 if code != "1" && code != "7" && form.starts_with('0') => {
            value = format!("+{code} (0){}", digits_of(n, &national));
        }
        2 if code == "1" => value.push_str(" ext. 123"),
        _ => {}
    }
    if n.below(3) == 0 {
        let word = n.one(PHONE_WORDS);
        return behind_word(n, word, value);
    }
    if n.below(6) == 0 {
        return n.in_text(value.clone(), format!("<a href=\"tel:{value}\">"));
    }
    n.bare(value)
}

fn ip_v4(n: &mut Noise) -> Case {
    let first = [5, 10, 23, 46, 78, 82, 101, 118, 130, 172, 185, 192, 203, 217][n.below(14)];
    let value = format!("{first}.{}.{}.{}", n.below(256), n.below(256), n.between(1, 254));
    let other = |text: &str| text.replace('*', &value);
    let text = match n.below(16) {
        0 => other(
            "* - - [03/Nov/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"curl/8.5.0\"",
        ),
        1 => other("X-Forwarded-For: *, 127.0.0.1"),
        2 => other("Forwarded: for=*;proto=https"),
        3 => other("Nov  3 12:00:00 h sshd[1]: Failed password for root from * port 4222 ssh2"),
        4 => other("client: *, server: _, request"),
        5 => other("kernel: IN=eth0 OUT= SRC=* DST=127.0.0.1 LEN=60"),
        6 => other("connect to *:8443 failed"),
        7 => other("{\"remote_addr\":\"*\",\"status\":200}"),
        8 => other("ping web (*) 56 bytes"),
        9 => other("http://*:8080/x"),
        10 => other("IP * > 127.0.0.1: ICMP echo"),
        11 => other("route *\u{2f}24 via eth0"),
        _ => return n.bare(value),
    };
    n.in_text(value.clone(), text)
}

fn ip_v6(n: &mut Noise) -> Case {
    let group = |n: &mut Noise| format!("{:x}", n.between(1, 0xffff));
    let prefix =
        format!("{}:{}:{}", n.one(&["2001", "2a02", "2600", "fd12", "2405"]), group(n), group(n));
    let value = match n.below(5) {
        0 => format!("{prefix}:{}:{}:{}:{}:{}", group(n), group(n), group(n), group(n), group(n)),
        1 => format!("{prefix}::{}", group(n)),
        2 => format!("fe80::{}:{}:{}:{}", group(n), group(n), group(n), group(n)),
        3 => format!("{prefix}:{}::{}", group(n), group(n)).to_uppercase(),
        _ => format!("{prefix}:0:0:0:0:{}", group(n)),
    };
    match n.below(8) {
        0 => n.in_text(value.clone(), format!("listening on [{value}]:443")),
        1 => n.in_text(value.clone(), format!("Forwarded: for=\"[{value}]:4711\"")),
        2 => n.in_text(value.clone(), format!("addr {value}%eth0/64 up")),
        3 => n.in_text(value.clone(), format!("http://[{value}]/x")),
        4 => {
            n.in_text(value.clone(), format!("{value} - - [03/Nov/2026:12:00:00 +0000] \"GET /\""))
        }
        _ => n.bare(value),
    }
}

fn mac(n: &mut Noise) -> Case {
    let octets: Vec<String> = (0..6)
        .map(|i| if i == 0 { n.one(&["a4", "3c", "f0", "de"]).to_owned() } else { n.hex(2) })
        .collect();
    let value = match n.below(5) {
        0 => octets.join("-"),
        1 => octets
            .concat()
            .as_bytes()
            .chunks(4)
            .map(String::from_utf8_lossy)
            .collect::<Vec<_>>()
            .join("."),
        2 => octets.join(":").to_uppercase(),
        3 => octets.join("-").to_uppercase(),
        _ => octets.join(":"),
    };
    match n.below(5) {
        0 => {
            n.in_text(value.clone(), format!("hostapd: wlan0: STA {value} IEEE 802.11: associated"))
        }
        1 => n.in_text(value.clone(), format!("DHCPACK on eth0 to {value} via eth0")),
        _ => n.bare(value),
    }
}

fn base64(bytes: &[u8], url: bool) -> String {
    let alphabet: &[u8; 64] = if url {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    } else {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    };
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0usize, |number, byte| number << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for index in 0..=chunk.len() {
            out.push(alphabet[number >> (18 - 6 * index) & 63] as char);
        }
        if !url {
            out.extend(std::iter::repeat_n('=', 3 - chunk.len()));
        }
    }
    out
}

fn token(n: &mut Noise) -> String {
    let algorithm = n.one(&["HS256", "RS256", "ES384", "EdDSA"]);
    let header = match n.below(3) {
        0 => format!("{{\"alg\":\"{algorithm}\",\"typ\":\"JWT\"}}"),
        1 => format!("{{\"typ\":\"JWT\",\"alg\":\"{algorithm}\",\"kid\":\"{}\"}}", n.hex(8)),
        _ => format!("{{\"alg\":\"{algorithm}\"}}"),
    };
    let claims = format!("{{\"sub\":\"{}\",\"iat\":17{}}}", n.digits(8), n.digits(8));
    let signature = n.text(ALNUM, 43);
    format!("{}.{}.{signature}", base64(header.as_bytes(), true), base64(claims.as_bytes(), true))
}

fn jwt(n: &mut Noise) -> Case {
    let value = token(n);
    match n.below(4) {
        0 => n.in_text(value.clone(), format!("GET /ws?jwt={value} HTTP/1.1")),
        1 => n.in_text(value.clone(), format!("decoded {value} for user 7")),
        _ => n.bare(value),
    }
}

fn bearer(n: &mut Noise) -> Case {
    let value = match n.below(4) {
        0 => token(n),
        1 => n.hex(40),
        2 => n.text(BASE64, 43) + "=",
        _ => n.text(ALNUM, 24),
    };
    let scheme = n.one(&["Bearer", "bearer", "BEARER", "Token", "token"]);
    let text = match n.below(8) {
        0 => format!("Authorization: {scheme} {value}"),
        1 => format!("authorization: {scheme} {value}\r\nhost: x"),
        2 => format!("{{\"authorization\":\"{scheme} {value}\"}}"),
        3 => format!("{{\"headers\":{{\"Authorization\":[\"{scheme} {value}\"]}}}}"),
        4 => format!("curl -H 'Authorization: {scheme} {value}' http://localhost/"),
        5 => format!("AUTHORIZATION={scheme} {value}"),
        6 => format!("sent with {scheme} {value}, got 401"),
        _ => format!("Proxy-Authorization: {scheme} {value}"),
    };
    n.in_text(value, text)
}

fn basic(n: &mut Noise) -> Case {
    let pair = format!("{}:{}", n.first(), n.text(ALNUM, 10));
    let value = base64(pair.as_bytes(), false);
    let scheme = n.one(&["Basic", "basic", "BASIC"]);
    let text = match n.below(5) {
        0 => format!("Authorization: {scheme} {value}"),
        1 => format!("{{\"authorization\":\"{scheme} {value}\"}}"),
        2 => format!("-H \"Authorization: {scheme} {value}\" -v"),
        3 => format!("header {scheme} {value} refused"),
        _ => format!("proxy-authorization: {scheme} {value}"),
    };
    n.in_text(value, text)
}

fn cookie(n: &mut Noise) -> Case {
    let value = match n.below(3) {
        0 => n.hex(32),
        1 => n.text(ALNUM, 26),
        _ => format!("s%3A{}.{}", n.text(ALNUM, 32), n.text(ALNUM, 43)),
    };
    let name = n.one(&[
        "sessionid",
        "PHPSESSID",
        "JSESSIONID",
        "connect.sid",
        "_shop_session",
        "csrftoken",
        "__Host-id",
        "remember_me",
        "theme",
    ]);
    let text = match n.below(7) {
        0 => format!("Cookie: a=1; {name}={value}; b=2"),
        1 => format!("Set-Cookie: {name}={value}; Path=/; HttpOnly; Secure"),
        2 => format!("{{\"cookie\":\"{name}={value}; lang=en\"}}"),
        3 => format!("{{\"set-cookie\":[\"{name}={value}; Max-Age=3600\"]}}"),
        4 => format!("cookie: {name}={value}"),
        5 => format!("-H 'Cookie: {name}={value}'"),
        _ => format!("COOKIE: {name}=\"{value}\""),
    };
    n.in_text(value, text)
}

fn userinfo(n: &mut Noise) -> Case {
    let value = n.text(ALNUM, 12);
    let user = n.first();
    let scheme = n.one(&[
        "postgres",
        "postgresql",
        "mysql",
        "mongodb+srv",
        "redis",
        "amqp",
        "https",
        "ftp",
        "smtp",
        "jdbc:mysql",
    ]);
    let text = match n.below(5) {
        0 => format!("connect {scheme}://{user}:{value}@db.internal:5432/shop failed"),
        1 => format!("DATABASE_URL={scheme}://{user}:{value}@localhost/shop"),
        2 => format!("{{\"url\":\"{scheme}://{user}:{value}@db/shop?x=1\"}}"),
        3 => format!("{scheme}://:{value}@cache:6379/0"),
        _ => format!("git clone {scheme}://{value}{}@example.com/shop.git", n.text(ALNUM, 12)),
    };
    n.in_text(value, text)
}

fn signature(n: &mut Noise) -> Case {
    let value = n.hex(64);
    let text = match n.below(5) {
        0 => format!(
            "https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261103T000000Z&X-Amz-Signature={value}"
        ),
        1 => format!("https://x.blob.core.windows.net/c/b?sv=2023&se=2026-11-03&sig={value}&sp=r"),
        2 => format!(
            "https://storage.googleapis.com/b/o?X-Goog-Algorithm=GOOG4&X-Goog-Signature={value}"
        ),
        3 => format!("GET /f?Expires=1&Signature={value}&Key-Pair-Id=A HTTP/1.1"),
        _ => {
            format!("{{\"url\":\"https://b.s3.amazonaws.com/k?X-Amz-Security-Token={value}&x=1\"}}")
        }
    };
    n.in_text(value, text)
}

fn private_key(n: &mut Noise) -> Case {
    let dashes = "-".repeat(5);
    let kind = n.one(&["RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED ", "DSA "]);
    let lines: Vec<String> = (0..n.between(2, 12)).map(|_| n.text(BASE64, 64)).collect();
    let value = lines[lines.len() / 2].clone();
    let end = n.one(&["\n", "\\n", "\r\n"]);
    let key = format!(
        "{dashes}BEGIN {kind}PRIVATE KEY{dashes}{end}{}{end}{dashes}END {kind}PRIVATE KEY{dashes}",
        lines.join(end)
    );
    let text = match n.below(4) {
        0 => format!("loaded key:\n{key}\nready"),
        1 if end == "\\n" => format!("{{\"pem\":\"{key}\"}}"),
        2 => format!("KEY=\"{key}\""),
        _ => key,
    };
    n.in_text(value, text)
}

fn secret_text(n: &mut Noise) -> String {
    match n.below(6) {
        0 => n.text("abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", 14),
        1 => format!(
            "{}{}!",
            n.one(&["Sommer", "Hunter", "Winter", "Sunshine", "Dragon"]),
            n.digits(4)
        ),
        2 => format!("{}-{}-{}", n.first(), n.last(), n.first()),
        3 => n.text("abcdefghjkmnpqrstuvwxyz23456789#%+", 12).replace('%', "$") + "7",
        4 => format!("{}{}", n.first(), n.digits(2)),
        _ => format!("P@ss{}word", n.digits(2)),
    }
}

fn password(n: &mut Noise) -> Case {
    let value = secret_text(n);
    let user = n.first();
    let text = match n.below(22) {
        0 => format!("password={value}"),
        1 => format!("Password: {value}"),
        2 => format!("pwd={value};"),
        3 => format!("{{\"password\":\"{value}\"}}"),
        4 => format!("login failed for {user} with password '{value}'"),
        5 => format!("my password is {value}"),
        6 => format!("the password for {user} is: {value}"),
        7 => format!("Server=db;User Id={user};Password={value};Encrypt=true"),
        8 => format!("mysql -u {user} --password={value} shop"),
        9 => format!("user={user}&password={value}&next=/"),
        10 => format!("new password: \"{value}\""),
        11 => format!("passwd: {value}"),
        12 => format!("Passwort: {value}"),
        13 => format!("Kennwort = {value}"),
        14 => format!("mot de passe : {value}"),
        15 => format!("contrase\u{f1}a: {value}"),
        16 => format!("senha={value}"),
        17 => format!("kata sandi: {value}"),
        18 => format!("wachtwoord: {value}"),
        19 => format!("<password>{value}</password>"),
        20 => format!("username: {user}, password: {value}"),
        _ => format!("  db_password: {value}"),
    };
    n.in_text(value, text)
}

/// Names whose values are secrets.
const SECRET_NAMES: &[&str] = &[
    "password",
    "user password",
    "db password",
    "passwd",
    "passphrase",
    "client secret",
    "shared secret",
    "access token",
    "refresh token",
    "id token",
    "auth token",
    "api token",
    "csrf token",
    "api key",
    "x api key",
    "access key",
    "secret key",
    "private key",
    "encryption key",
    "signing key",
    "session id",
    "secret access key",
    "webhook secret",
    "jwt secret",
    "bot token",
    "admin password",
    "smtp password",
    "session token",
    "app secret",
    "consumer secret",
    "master key",
];

fn named_secret(n: &mut Noise) -> Case {
    let words = n.one(SECRET_NAMES);
    let name = n.spelled(words);
    let value = match n.below(3) {
        0 => n.text(ALNUM, 24),
        1 => n.hex(32),
        _ => n.text(ALNUM, 12) + "9",
    };
    let text = n.pair(&name, &value);
    n.in_text(value, text)
}

fn secret(n: &mut Noise) -> Case {
    let up32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let value = match n.below(40) {
        0 => format!("AK{}{}", "IA", n.text(up32, 16)),
        1 => format!("AS{}{}", "IA", n.text(up32, 16)),
        2 => format!("gh{}{}", n.one(&["p_", "o_", "s_", "u_", "r_"]), n.text(ALNUM, 36)),
        3 => format!("github_{}{}_{}", "pat_", n.text(ALNUM, 22), n.text(ALNUM, 59)),
        4 => format!("gl{}{}", "pat-", n.text(ALNUM, 20)),
        5 => format!("AI{}{}", "za", n.text(ALNUM, 35)),
        6 => format!("GOC{}{}", "SPX-", n.text(ALNUM, 28)),
        7 => format!("ya{}{}", "29.", n.text(ALNUM, 100)),
        8 => format!("{}_{}_{}", n.one(&["sk", "rk"]), n.one(&["live", "test"]), n.text(ALNUM, 24)),
        9 => format!("wh{}{}", "sec_", n.text(ALNUM, 32)),
        10 => format!(
            "xo{}-{}-{}-{}",
            n.one(&["xb", "xp"]),
            n.digits(12),
            n.digits(12),
            n.text(ALNUM, 24)
        ),
        11 => format!("xa{}-1-A{}-{}-{}", "pp", n.text(UPPER, 10), n.digits(13), n.hex(64)),
        12 => format!("SG{}{}.{}", ".", n.text(ALNUM, 22), n.text(ALNUM, 43)),
        13 => format!("np{}{}", "m_", n.text(ALNUM, 36)),
        14 => format!("py{}{}", "pi-AgEIcHlwaS5vcmc", n.text(ALNUM, 120)),
        15 => format!("s{}{}T3BlbkFJ{}", "k-", n.text(ALNUM, 20), n.text(ALNUM, 20)),
        16 => format!("s{}{}", "k-proj-", n.text(ALNUM, 60)),
        17 => format!("s{}{}AA", "k-ant-api03-", n.text(ALNUM, 93)),
        18 => format!("h{}{}", "f_", n.text(&ALNUM[..52], 34)),
        19 => format!("hv{}{}", "s.", n.text(ALNUM, 95)),
        20 => format!("do{}{}", n.one(&["p_v1_", "o_v1_", "r_v1_"]), n.hex(64)),
        21 => format!("sh{}_{}", n.one(&["pat", "pca", "ppa", "pss"]), n.hex(32)),
        22 => format!("{}:A{}{}", n.between(100_000_000, 999_999_999), "A", n.text(ALNUM, 33)),
        23 => format!("M{}.{}.{}", n.text(ALNUM, 22) + "4a", n.text(ALNUM, 6), n.text(ALNUM, 38)),
        24 => format!("da{}{}", "pi", n.hex(32)),
        25 => format!("lin_{}{}", "api_", n.text(ALNUM, 40)),
        26 => format!("nt{}{}", "n_", n.text(ALNUM, 46)),
        27 => format!("gl{}{}_{}", "sa_", n.text(ALNUM, 32), n.hex(8)),
        28 => format!("PM{}{}-{}", "AK-", n.hex(24), n.hex(34)),
        29 => format!("dp.{}{}", "pt.", n.text(ALNUM, 43)),
        30 => format!("sb{}{}", "p_", n.hex(40)),
        31 => format!("AT{}{}={}", "ATT3x", n.text(ALNUM, 180), n.text("0123456789ABCDEF", 8)),
        32 => format!("sn{}{}_{}", "trys_", n.text(ALNUM, 120), n.text(ALNUM, 43)),
        33 => format!("fo{}{}", "1_", n.text(ALNUM, 43)),
        34 => format!("AGE-SECRET-{}{}", "KEY-1", n.text("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
        35 => format!("{}8{}{}", n.text(ALNUM, 3), "Q~", n.text(ALNUM, 34)),
        36 => {
            let part = n.text(ALNUM, 24);
            let text = format!(
                "https://hooks.slack.com/services/T{}/B{}/{part}",
                n.text(UPPER, 8),
                n.text(UPPER, 10)
            );
            return n.in_text(part, text);
        }
        37 => {
            let part = n.text(ALNUM, 68);
            let text = format!(
                "https://discord.com/api/webhooks/{}/{part}",
                n.between(1_000_000_000, 9_999_999_999) * 100_000_000
            );
            return n.in_text(part, text);
        }
        38 => {
            let key = n.text(BASE64, 86) + "==";
            let text = format!(
                "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={key};EndpointSuffix=core.windows.net"
            );
            return n.in_text(key, text);
        }
        _ => {
            let key = n.hex(32);
            let word = n.one(&["twilio ", "Twilio key "]);
            let text = format!("{word}SK{key} loaded");
            return n.in_text(format!("SK{key}"), text);
        }
    };
    match n.below(5) {
        0 => n.in_text(value.clone(), format!("export KEY={value}")),
        1 => n.in_text(value.clone(), format!("leaked {value} in commit")),
        2 => n.in_text(value.clone(), format!("{{\"note\":\"use {value}\"}}")),
        3 => n.in_text(value.clone(), format!("https://localhost/hook?k={value}&x=1")),
        _ => n.bare(value),
    }
}
