#!/bin/bash
# The acts of an enrolment with tpm2-tools: what benchmarks/enrolling.py measures the workbench against.
# Usage: enroll-tpm2-tools.sh TCTI FOLDER.  No CA and no ledger: it makes the credential itself, and stores random bytes
# of a certificate's size.  No salted sessions, no restart, nothing that must fail is tried.
set -euo pipefail
export TPM2TOOLS_TCTI=$1 TSS2_LOG=all+none
work=$(mktemp -d "$2/peer.XXXXXX")
cd "$work"
# Branches of the policies of IDevID and IAK with SHA-384 (TCG Keys for Device Identity and Attestation, 7.3.6).
IDEVID_POLICY=4db1aa836d0b5615df6ee53a40ef70c61c217f4303d44695925972bc927006cfa5cbdf6dc18c4dbe329b2f1542c3dd33
IDEVID_0=8bbf2266537c171cb56e403c4dc1d4b64f432611dc386e6f532050c3278c930e143e8bb1133824ccb431053871c6db53
IDEVID_1=ad6007596907528f059a6121a5293c8ea3539f025640bc0920e1c9f779085934ef907a94469e25df22dbec6663b4f128
IDEVID_2=0a55d64c633cff7b4c782ee5464d0868a8c4d18d636f2d91f0cfc7b1beaadc1edeb6b4f545aace6d5c5cfc80c0a82492
IDEVID_3=0275fc2ac8ae37dc923f5c1fe9bf07bde08ccf5140d437de379a522b8c5efe31a7274415c7e8b1be1e9535003975cbcc
IAK_POLICY=129d94ebf84556652c6eef43bbb757512ac87e52be7b349ca6ce4d826f749fcf672f51716c5cbb605f313bf345aab312
IAK_0=8bbf2266537c171cb56e403c4dc1d4b64f432611dc386e6f532050c3278c930e143e8bb1133824ccb431053871c6db53
IAK_1=ad6007596907528f059a6121a5293c8ea3539f025640bc0920e1c9f779085934ef907a94469e25df22dbec6663b4f128
IAK_2=0a55d64c633cff7b4c782ee5464d0868a8c4d18d636f2d91f0cfc7b1beaadc1edeb6b4f545aace6d5c5cfc80c0a82492
IAK_3=471a7ab7d988de1e558e4db956a27f57a7e569038376984363a347001e615381d25f3c9cda70971de027571f3ddb09ca
binary() { printf "$(printf '%s' "$1" | sed 's/../\\x&/g')"; }

session() { # FILE COMMAND-CODE KIND: a session for that command's branch of a key's policy
    local -n first=$3_0 certify=$3_1 activate=$3_2 index=$3_3
    binary "$first" > first.pol
    binary "$certify" > certify.pol
    binary "$activate" > activate.pol
    binary "$index" > index.pol
    tpm2_startauthsession --policy-session -g sha384 -S "$1"
    tpm2_policysecret -S "$1" -c e -Q
    tpm2_policycommandcode -S "$1" "$2" -Q
    tpm2_policyor -S "$1" -l sha384:first.pol,certify.pol,activate.pol,index.pol -Q
}

make() { # NAME HANDLE ATTRIBUTES POLICY UNIQUE
    binary "$4" > "$1.policy"
    { binary "$(printf '%02x00' ${#5})"; printf '%s' "$5"; binary 0000; } > "$1.unique"
    tpm2_createprimary -C e -g sha384 -G ecc384:ecdsa-sha384:null -a "$3" -L "$1.policy" -u "$1.unique" -c "$1.ctx" -Q
    tpm2_evictcontrol -C o -c "$1.ctx" "$2" -Q
    tpm2_flushcontext -t
    tpm2_readpublic -c "$2" -n "$1.name" -Q
}

store() { # INDEX
    head -c 720 /dev/urandom > "$1.crt"
    tpm2_nvdefine "$1" -C p -s 720 -a "platformcreate|ppwrite|ppread|ownerread|authread|no_da|writedefine" -Q
    tpm2_nvwrite "$1" -C p -i "$1.crt"
    tpm2_nvread "$1" -C o > "$1.back"
    cmp "$1.crt" "$1.back"
    tpm2_nvwritelock "$1" -C p
}

# look
tpm2_selftest -f
tpm2_getcap properties-fixed > fixed
tpm2_getcap properties-variable > variable
tpm2_getcap handles-persistent > handles
tpm2_getcap handles-nv-index > indices
tpm2_readclock > clock
# endorsement key
tpm2_nvread 0x01C00016 -C o > ek.crt
tpm2_createek -c ek.ctx -G ecc -u ek.pub -Q
# keys
base="fixedtpm|fixedparent|sensitivedataorigin|userwithauth|adminwithpolicy|sign"
make iak 0x81020001 "$base|restricted" "$IAK_POLICY" IAK
make idevid 0x81020000 "$base" "$IDEVID_POLICY" IDEVID
# evidence
session certify.session TPM2_CC_Certify IDEVID
tpm2_certify -c 0x81020000 -C 0x81020001 -P session:certify.session -g sha384 -o attest -s signature -Q
tpm2_flushcontext certify.session
binary "$(sha384sum attest | cut -c1-96)" > digest
tpm2_sign -c 0x81020000 -g sha384 -d -o csr.signature digest
# credential
head -c 32 /dev/urandom > secret
tpm2_makecredential -T none -u ek.pub -s secret -n "$(od -An -v -tx1 iak.name | tr -d ' \n')" -o credential -Q
session activate.session TPM2_CC_ActivateCredential IAK
tpm2_startauthsession --policy-session -S ek.session
tpm2_policysecret -S ek.session -c e -Q
tpm2_activatecredential -c 0x81020001 -C ek.ctx -i credential -o opened -p session:activate.session \
    -P session:ek.session -Q
cmp secret opened
tpm2_flushcontext activate.session
tpm2_flushcontext ek.session
tpm2_flushcontext -t
# lock
tpm2_dictionarylockout -s -n 32 -t 7200 -l 86400
tpm2_clearcontrol -C l s
tpm2_changeauth -c l "hex:$(od -An -v -tx1 -N 32 /dev/urandom | tr -d ' \n')"
store 0x01C90100
store 0x01C90200
# read again
tpm2_readpublic -c 0x81020000 -Q
tpm2_readpublic -c 0x81020001 -Q
tpm2_nvread 0x01C90100 -C o | cmp - 0x01C90100.crt
tpm2_nvread 0x01C90200 -C o | cmp - 0x01C90200.crt
tpm2_sign -c 0x81020000 -g sha384 -d -o challenge.signature digest
tpm2_quote -c 0x81020001 -l sha256:0,1,2,3,4,5,6,7 -q 00112233445566778899aabbccddeeff -m quote -s quote.signature -g sha384 -Q
tpm2_getcap properties-variable > variable.after
