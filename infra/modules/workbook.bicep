metadata description = 'The workbook that an operator opens first.'

@description('Name that the portal shows.')
param displayName string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Workspace that its queries read.')
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspaceId, 'content-architect')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    category: 'workbook'
    displayName: displayName
    serializedData: loadTextContent('../workbook.json')
    sourceId: workspaceId
    version: '1.0'
  }
}
