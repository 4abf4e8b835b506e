using System.Buffers;
using Broker.Protocol;

namespace Broker.Client.Requests;

/// <summary>A queue as it was declared.</summary>
internal sealed record QueueDeclaration(string Name, QueueOptions Options)
{
    public PendingRequest<QueueInfo> Create() => new QueueRequest($"declare queue '{Name}'");

    public void Write(ulong requestId, IBufferWriter<byte> writer) =>
        new DeclareQueueFrame { RequestId = requestId, Name = Name, Flags = Options.Flags, Arguments = Options.Arguments }.Write(writer);
}

/// <summary>An exchange as it was declared.</summary>
internal sealed record ExchangeDeclaration(string Name, string Type, ExchangeOptions Options)
{
    public PendingRequest<bool> Create() => new OkRequest($"declare exchange '{Name}'");

    public void Write(ulong requestId, IBufferWriter<byte> writer) => new DeclareExchangeFrame
    {
        RequestId = requestId, Name = Name, Type = Type, Flags = Options.Flags, Arguments = Options.Arguments,
    }.Write(writer);
}

/// <summary>A binding of a queue.</summary>
internal sealed record BindingDeclaration(string Exchange, string Queue, string RoutingKey, FieldTable Arguments)
{
    public PendingRequest<bool> Create() => new OkRequest($"bind queue '{Queue}' to exchange '{Exchange}'");

    public void Write(ulong requestId, IBufferWriter<byte> writer) => new BindFrame
    {
        RequestId = requestId, Exchange = Exchange, Destination = Queue, RoutingKey = RoutingKey, Arguments = Arguments,
    }.Write(writer);
}
