using Google.Protobuf;

namespace Broker.Coordination.Etcd.Grpc;

/// <summary>A method of a service.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Parser">Reads its answers.</param>
internal sealed record GrpcMethod<TResponse>(string Path, MessageParser<TResponse> Parser)
    where TResponse : IMessage<TResponse>;
