using Broker.Transport.MsQuic;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.MsQuic;

public sealed class MsQuicBackend : ITransportBackend
{
    public string? Unavailable => MsQuicTransport.IsSupported(out var reason) ? null : $"msquic cannot run here: {reason}";

    public IQuicTransport CreateTransport() => new MsQuicTransport();
}
