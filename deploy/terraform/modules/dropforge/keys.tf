# Whoever stores something for us must be able to use the key.
resource "google_kms_crypto_key_iam_member" "agent" {
  for_each = var.kms_key == "" ? {} : { for name, email in local.agents : name => email if name != "tuning" }

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"
}
