using Broker.Transport.InMemory;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.InMemory;

public sealed class InMemoryBackend : ITransportBackend
{
    public string? Unavailable => null;

    public IQuicTransport CreateTransport() => new InMemoryTransport();
}
