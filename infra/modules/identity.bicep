metadata description = 'The identity of the app. It exists before everything that it gets roles on, so the first start finds them.'

@description('Name of the identity.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id.')
output id string = identity.id

@description('Client id: which identity a program means.')
output clientId string = identity.properties.clientId

@description('Object id: whom a role is given to.')
output principalId string = identity.properties.principalId
