output "dropforge" {
  description = "Names and addresses that people need."
  value       = module.dropforge
}
