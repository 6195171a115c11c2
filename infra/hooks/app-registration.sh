#!/bin/sh
# Makes the Entra application that callers ask tokens for: version 2 tokens, four app roles, no secret.
# Run it once a directory: sh infra/hooks/app-registration.sh "Content Architect"
set -eu

name="${1:-Content Architect}"
here=$(dirname "$0")

existing=$(az ad app list --display-name "$name" --query '[].appId' --output tsv)
if [ -n "$existing" ]; then
    echo "There is an application \"$name\" already: $existing" >&2
    echo "To use it: azd env set ENTRA_CLIENT_ID $existing" >&2
    exit 1
fi

client=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg \
    --app-roles "@$here/app-roles.json" --query appId --output tsv)
az ad app update --id "$client" --identifier-uris "api://$client"

# A scope for people, which the Azure command line may ask for without a consent page.
graph="https://graph.microsoft.com/v1.0/applications(appId='$client')"
scope=$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)
az rest --method PATCH --url "$graph" --body "{\"api\": {\"requestedAccessTokenVersion\": 2, \"oauth2PermissionScopes\": [{
    \"id\": \"$scope\", \"value\": \"user_impersonation\", \"type\": \"User\", \"isEnabled\": true,
    \"adminConsentDisplayName\": \"Use $name\", \"adminConsentDescription\": \"Call the API as the signed-in user.\"}]}}"
az rest --method PATCH --url "$graph" --body "{\"api\": {\"preAuthorizedApplications\": [{
    \"appId\": \"04b07795-8ddb-461a-bbee-02f9e1bf7b46\", \"delegatedPermissionIds\": [\"$scope\"]}]}}"

service=$(az ad sp create --id "$client" --query id --output tsv)
me=$(az ad signed-in-user show --query id --output tsv)
admin=$(az ad sp show --id "$client" --query "appRoles[?value=='admin'].id" --output tsv)
az rest --method POST --url "https://graph.microsoft.com/v1.0/servicePrincipals/$service/appRoleAssignedTo" \
    --body "{\"principalId\": \"$me\", \"resourceId\": \"$service\", \"appRoleId\": \"$admin\"}" --output none

echo "Made \"$name\"; you are its admin. Now: azd env set ENTRA_CLIENT_ID $client"
