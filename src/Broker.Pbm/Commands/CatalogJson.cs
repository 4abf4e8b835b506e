using System.Text.Json.Serialization;

namespace Broker.Pbm.Commands;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(CommandDescriptor))]
internal sealed partial class CatalogJson : JsonSerializerContext;
