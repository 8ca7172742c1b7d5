"""Keys that everybody has: SHA-256 of the SubjectPublicKeyInfo in DER, points uncompressed, of private keys
that others published for tests and examples.

The comment beside a hash names the file it was computed from.  No key is here, only hashes.
"""

from __future__ import annotations

from typing import Final

KNOWN_KEYS: Final[dict[str, frozenset[str]]] = {
    "MCUboot's published signing, encryption and test keys (also those of imgtool's examples)": frozenset(
        {
            "bb868a727f0ef75e890a6a52bccd1d936fb34438afd6f237e8af259865742446",  # cypress-test-ec-p256.pem
            "3c23fc4e1d332a0c86e6a8bf6ecf26046d702302e135bf53fc04a009a33a78c5",  # enc-ec256-priv.pem
            "95ac5d264689fa25b14a87a9bc950abfb1a77e5e628e7b13b5f1940c9a1c65b8",  # enc-rsa2048-priv.pem
            "9a1dc1eb80199d8498f2a75dde0a7b75216e8302bf3a12bd04f153f48f3f24a0",  # enc-x25519-priv.pem
            "e30466f6b8470c1f29070b17f1e2d3e94d445e3f608087fdc711e4382bb538b6",  # root-ec-p256-pkcs8.pem
            "6bcd1e16d80e5fe13a5307e6f1de8344c7e50e537d9962ce35ef6db5e642fae8",  # root-ec-p384-pkcs8.pem
            "6754edab1e29affef4a05935adecbeb1a7b8b62397b31e39a61b5bfcaafd63af",  # root-ed25519-2-pub.pem
            "b1d87d60173352b9a4808979790fc699fb4c4f83b49cf1970edd96ff4adc36a6",  # root-ed25519-unknown.pem
            "c1907fa4eac7fae3840a78902b6f0710b037e9968e5c6274a12a28790c7d4e3c",  # root-ed25519.pem
            "a14bcb1bf9bb821146ba32838217e476f5412621320534ffe490a1890c994660",  # root-rsa-2048.pem
            "159d8b7930769d887f3ff0b4e9ec176b82313663f2ef76dc24f5e964da1bc482",  # root-rsa-3072.pem
            "e6c097daf1458d0f8b8d43fc4b4b9d4425203484b3afe5570ed074073901bab0",  # bad-ec-p256.pem
            "cf2f67a6aee012de5a8e82a9d9e9f6bf4923f9f367fe6c03fe844a251a7b3e55",  # bad-rsa-2048.pem
            "64cf53d13dc8784425001af1dd51799e2bd93d0e0bef08f988765ee2379f9eba",  # testplan/mynewt/key_ec.pem
            "6dc968724fdedb71be7c8ad62540ea148996f96adb5c48e9cc3112c588f26d89",  # key_ec256.pem
            "1c35c9ccb929906e7792eda384825b41be700c50760493eaf163135933e191aa",  # key_ec256_2.pem
            "53730935377f0650b22361f542f5bea746ec7f3480719eed782a9543b0ed733a",  # key_ec_2.pem
            "54674c34090b98739e4bb93ab182c4e099ce378410b4ebe6dd5922b064779511",  # key_rsa.pem
            "f82d91d0193c6557517b7762f1a334abc4d4709ef1eb77b51e42f71c2a55fc6c",  # key_rsa_2.pem
        }
    ),
    "TF-M's dummy keys: bl2/ext/mcuboot, initial attestation key, psoc64": frozenset(
        {
            "82a5b443594853d4bf0fdd89a914a5dc16f867548207d7077e74d80c063efda9",  # root-EC-P256_1.pem
            "4ec3fb3193234e2ed4456e84507ba591bbe2456ea38d1cd80287cfdec268ab6f",  # root-EC-P384_1.pem
            "f7ff201419cb1554a5d17c9b7adc83b61a995646c02808da2135a24e5424df72",  # root-RSA-2048_1.pem
            "0e2aa51f06578eac107065a8577507876aa047ef1dc74f7250a6ff7b590ba11d",  # root-RSA-3072.pem
            "ebfe363948e8eff9252314dc84e827f37aca7d3a0bb34140eb4f08b548a4ccbd",  # root-RSA-3072_1.pem
            "7b1a17147ca907e16cad79901fef13991ec6206e3d148b657068ad6c4cba4626",  # initial attestation key
            "3dfc6223395902412e16c0bda059f3ddb0f732f05380d9a4e276f15c8a2c70ad",  # TFM_S_KEY_PRIV.pem
        }
    ),
    "TF-A's development keys for the root of trust": frozenset(
        {
            "a1ec91d8903068e1d0d44209d60f7d950440d2274b2fc1daa3702817924275c5",  # arm_protprivk_ecdsa.pem
            "71d92fd7a802f39848a95fa5765f4d71067b79ce095d67204f449ec1a0c40b36",  # arm_protprivk_ecdsa_p384
            "9c1bf3361f117b572a8560069f74ed7665d7b7a7e8a31d0980be509ec64b7b39",  # arm_protprivk_rsa.pem
            "2e40bf6ef912bb983171090e1e153d0bfdd1cc694a98eb8ba0b020864e6c0717",  # arm_rotprivk_ecdsa.pem
            "dcbcebee418114ed0951f0693527feaede4cad51081cd45ee54979d0072ff53b",  # arm_rotprivk_ecdsa_p384
            "b0f382091297d83a377a72471bec3273e99232e24959f65e8b4a4a46d8229ada",  # arm_rotprivk_rsa.pem
            "9a0f8acde4fd481c87d30b3041d64c00334d63e29d1786af8abbd6423d6da5f6",  # arm_rotprivk_rsa_3k.pem
            "e22596c73e8ac825eadaa7ba38231808c06da97075d1ba96a7c2c007ad86b928",  # arm_rotprivk_rsa_4k.pem
            "8c1214bc7d5511680ee910057198689db55bdecb5623a2b310fa9061be37e427",  # arm_swd_rotprivk_ecdsa.pem
            "fe3ba5e86d13a338fb9bdcc55fd60e0ad938c005562a57510c8004951797e538",  # …swd_rotprivk_ecdsa_p384
            "1130bee2c30b92e69c10c8cb1b159328eca8308a7749d381d51ee9e3a167066b",  # arm_swd_rotprivk_rsa.pem
            "a84ffcf46562d00768d779b620a7f53d44f71f058efb2d15c76d0bb32f237cb4",  # csk_priv_pem0.key
            "a45ae707298b3f0e2d057ea1a4b44bf1a2829c81cabaadbdf6a17fa1f8207db9",  # csk_priv_pem1.key
            "ab13eb57671c6e9e934d428e0897f163143164e7de8d1f1cae4d604bb8f2872a",  # csk_priv_pem2.key
            "df734773f1270f0dc4dcba9df471892a8bb3d02de87ae7f124fd6f9cb73344ee",  # csk_priv_pem3.key
            "80eeee2563bd1d0618bfb0184ca4380329dde018058698fce097bebb364b85a2",  # kak_priv_pem.key
        }
    ),
    "OP-TEE's default key for trusted applications": frozenset(
        {
            "cac7bcfaf8674a57e5eaa8ef1a7c9b67af1fd5562a06440d88d5e3c632e88c48",  # keys/default.pem
        }
    ),
    "RAUC's test CA": frozenset(
        {
            "8dce10c952c3423d5a4e33b1bd2104293eec31ac384b5b9cbd3a10321e65ee8d",  # autobuilder-1.pem
            "bfda383519d81b8e2660913e5de1df5fa4914462b46974b35149d952ec63ede7",  # autobuilder-2.pem
            "469e16e2dc1e09f85b7f71d5dfd0a4917ffead247b47e437bf76213a3849895b",  # ca.key.pem
            "87b8b30dcb3bacd792dae0a5cbb5de9c899061cb0a95e6e9db4e468998540ba9",  # xku-codeSigning-openssl.pem
            "02e2d5f7ab36b26d88f9af1a543a1bc61c4b24c276d0ec5cc63fd9e39a5576a2",  # xku-codeSigning-rauc.pem
            "9f6214965237fca714871dded3de4f0422b809d544d22c82600b0955b955df67",  # xku-emailProtection.pem
            "7543da0c40a4623a30c971097a62ad7bd8ea8123bf5a3d5d559310dadad8c5a1",  # a.key.pem
            "7a73f59d216cadd4137fc83d76eb8493a55e65027ddd2440e21f5626dd6cb869",  # b.key.pem
            "47d49d739b11fbfdab792a0736b7ef893f345fd49bf3550fc104e7cc2f32db11",  # ca.key.pem
            "9467ab3108043d2d62d5ee58d62f867af27794299b461100ecd47b1b1d428e5a",  # release-1.pem
            "f5207b5090672f846fa6d0f8d35d7f4d20ab2be5c5485828f32f7a0539e548b6",  # release-2018.pem
            "0034f8fe5adc3b0dfe642407275d144de2398c68cc9a86dd6703d7151116b44e",  # ca.key.pem
            "a35499013cb4312da186ec8b6ef50b9716432e298ac7661136f3e5f2b6130227",  # xku-emailProtection.pem
            "17854c45bbdbb19424bfc5157779e8f276ef4711a9b9c60aedebcd905e05808e",  # xku-timeStamping.pem
            "96b1b325b2d58341159e51c6c4265172430c9a3251bbef8a84276c6ec50d16b7",  # ca.key.pem
            "fe1fc039a2a3ec13bd3cba8726b19cdc0bd468b92233de71ef58dc7c7a32715e",  # client-1.pem
            "65ed45194d60e72274d4cc06bca31ecfdcb5e261a73f23a2b9271e238046f817",  # server.pem
        }
    ),
    "Mbed TLS's test keys": frozenset(
        {
            "370346c0864770dac7a90774f75ac6de537f5f5b2c4b1bb1d12bf3c5f4f484ae",  # data_files/cli-rsa.key
            "6452839ebf371b9a9a7585efd56a029440972fdbacd1ae077d403e4e92bcd4f3",  # data_files/cli2.key
            "dca27e6a13d0ed392932f3923e01733423b1e7cbbd56c07429aea19305cf8911",  # rsa_pkcs1_2048_clear.pem
            "af0124ea50fbe17b3680aede200e89e4f0a5dc266970614679f7ae3aa1705592",  # data_files/server1.key
            "b2108339b3fbb3715d03c0cb580b5b4411dec67e00117b76072267aa1dce61a1",  # data_files/server10.key
            "bbfdd1df686592647ca03f5527ed45ec2505ae78c2ad43e5994aff40dd56e42b",  # data_files/server11.key
            "6703a04285f61bf2f79b143b1841435d503b448c3df1db998e9aebc7f05d3815",  # data_files/server2.key
            "8372718a11ba1611368bd04bfc1ea99b4a8bee2a0d2bbed406a59b80e71b8916",  # data_files/server3.key
            "219a4a99642fb9d7a9547604ab17ec0c1890a34a9bd61859ad2618bf60f356ae",  # data_files/server4.key
            "26b0f4b5b3b8ef8f54af9ca9cbef655501179e7337f2ac52f2eadcf953635999",  # data_files/server5.key
            "58efc540028da33a0eb5ef1c0621ca3e5805428822bdfee2f1f5e51928de1358",  # data_files/server6.key
            "198257bbfb9ddb199499acd002dfbc8eea759c4a5a9826aff53ffe3c74a434fe",  # data_files/server9.key
            "22e678066eddc37ba5e82dcf4491420adefc81daf964e49abec10f8d3c24470e",  # data_files/test-ca-alt.key
            "0d47bb32995c4f374228dd401ca46be4fe313ef89960c81b8c6db8b502f3f5c5",  # data_files/test-ca2.key
            "c6cb6d1e322b2e4edc98a284f983a8be89a18a53db897b7ec32f9aa382c50a5c",  # test-ca_unenc.key
        }
    ),
    "RFC 6979's examples, appendix A.2": frozenset(
        {
            "5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4",  # appendix A.2.5
            "2f95601fa82060b909bfc6b979dbd303d34d34e0afb27ea496beac362f242a4b",  # appendix A.2.6
        }
    ),
}
"""Whose they are, and their hashes."""
