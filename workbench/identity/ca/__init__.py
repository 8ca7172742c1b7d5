"""The factory's certificate authority: root and issuing key, store, one signing worker, and its client.

A CA is a folder: `ca.toml` (public settings), `root.crt`, `issuing.crt`, `ca.db`, and keys in encrypted files
or in a PKCS#11 token.  Only the worker process opens the issuing key; stations talk to it through `client`
over a UNIX socket.  What is trusted is decided elsewhere: `identity.tpm` and `identity.mcu` judge requests,
`identity.certificates` builds and lints.  No private key, passphrase or PIN leaves this room.
"""
