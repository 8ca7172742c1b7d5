# SPDX-License-Identifier: Apache-2.0
#
# The defines of the profiles that a microcontroller without security hardware can carry: what
# `workbench profile flags NAME` prints.  Here so that the samples build without Python; a test compares the two.
# For a profile of one's own: make PROFILE=NAME PROFILE_FLAGS="$(workbench profile flags NAME)"

FLAGS_tier-1 := -DWB_SIG_NONE=1 -DWB_SIG_ECDSA_P256=0 -DWB_SIG_RSA2048=0 -DWB_CHAIN=0 -DWB_MAC=0 -DWB_ENC_KW=1 \
  -DWB_ENC_ECIES_P256=0 -DWB_ENC_REQUIRED=1 -DWB_COUNTER=1 -DWB_ALLOW_VERSION_DOWNGRADE=0
FLAGS_tier-1-plus := -DWB_SIG_NONE=1 -DWB_SIG_ECDSA_P256=0 -DWB_SIG_RSA2048=0 -DWB_CHAIN=0 -DWB_MAC=1 -DWB_ENC_KW=1 \
  -DWB_ENC_ECIES_P256=0 -DWB_ENC_REQUIRED=1 -DWB_COUNTER=1 -DWB_ALLOW_VERSION_DOWNGRADE=0
FLAGS_tier-2-ecdsa := -DWB_SIG_NONE=0 -DWB_SIG_ECDSA_P256=1 -DWB_SIG_RSA2048=0 -DWB_CHAIN=1 -DWB_MAC=0 -DWB_ENC_KW=0 \
  -DWB_ENC_ECIES_P256=1 -DWB_ENC_REQUIRED=0 -DWB_COUNTER=1 -DWB_ALLOW_VERSION_DOWNGRADE=0
FLAGS_tier-2-rsa := -DWB_SIG_NONE=0 -DWB_SIG_ECDSA_P256=0 -DWB_SIG_RSA2048=1 -DWB_CHAIN=1 -DWB_MAC=0 -DWB_ENC_KW=0 \
  -DWB_ENC_ECIES_P256=1 -DWB_ENC_REQUIRED=0 -DWB_COUNTER=1 -DWB_ALLOW_VERSION_DOWNGRADE=0

PROFILES := tier-1 tier-1-plus tier-2-ecdsa tier-2-rsa
