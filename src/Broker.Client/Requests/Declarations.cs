using System.Buffers;
using Broker.Protocol;

namespace Broker.Client.Requests;

/// <summary>A queue as it was declared.</summary>
internal sealed class QueueDeclaration(string name, QueueOptions options)
{
    private readonly FieldTable _arguments = options.ToTable();

    public string Name => name;

    public QueueOptions Options => options;

    public PendingRequest<QueueInfo> Create() => new QueueRequest($"declare queue '{Name}'");

    public void Write(ulong requestId, IBufferWriter<byte> writer) =>
        new DeclareQueueFrame { RequestId = requestId, Name = Name, Flags = Options.Flags, Arguments = _arguments }.Write(writer);
}

/// <summary>An exchange as it was declared.</summary>
internal sealed class ExchangeDeclaration(string name, string type, ExchangeOptions options)
{
    private readonly FieldTable _arguments = options.ToTable();

    public string Name => name;

    public ExchangeOptions Options => options;

    public PendingRequest<bool> Create() => new OkRequest($"declare exchange '{Name}'");

    public void Write(ulong requestId, IBufferWriter<byte> writer) => new DeclareExchangeFrame
    {
        RequestId = requestId, Name = Name, Type = type, Flags = Options.Flags, Arguments = _arguments,
    }.Write(writer);
}

/// <summary>A binding of a queue or an exchange to an exchange.</summary>
internal sealed record BindingDeclaration(string Exchange, DestinationKind Kind, string Destination, string RoutingKey, FieldTable Arguments)
{
    private string KindName => Kind == DestinationKind.Queue ? "queue" : "exchange";

    public PendingRequest<bool> Create() => new OkRequest($"bind {KindName} '{Destination}' to exchange '{Exchange}'");

    public void Write(ulong requestId, IBufferWriter<byte> writer) => new BindFrame
    {
        RequestId = requestId, Exchange = Exchange, DestinationKind = Kind, Destination = Destination, RoutingKey = RoutingKey, Arguments = Arguments,
    }.Write(writer);

    public PendingRequest<bool> CreateRemoval() => new OkRequest($"unbind {KindName} '{Destination}' from exchange '{Exchange}'");

    public void WriteRemoval(ulong requestId, IBufferWriter<byte> writer) => new UnbindFrame
    {
        RequestId = requestId, Exchange = Exchange, DestinationKind = Kind, Destination = Destination, RoutingKey = RoutingKey, Arguments = Arguments,
    }.Write(writer);
}
