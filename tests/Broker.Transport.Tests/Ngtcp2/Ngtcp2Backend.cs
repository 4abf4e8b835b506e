using Broker.Transport.Ngtcp2;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

public sealed class Ngtcp2Backend : ITransportBackend
{
    public string? Unavailable => Ngtcp2Transport.IsSupported(out var reason) ? null : reason;

    public IQuicTransport CreateTransport() => new Ngtcp2Transport();
}
