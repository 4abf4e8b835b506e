using Broker.Protocol;

namespace Broker.Client.Streams;

/// <summary>
/// The server sent what cannot be. Never leaves the library: it closes the connection, and everyone gets a <see cref="BrokerConnectionException"/>.
/// </summary>
internal sealed class FrameFaultException(FrameFault fault) : Exception(fault.Reason)
{
    public FrameFault Fault { get; } = fault;
}
