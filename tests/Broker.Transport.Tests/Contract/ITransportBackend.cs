namespace Broker.Transport.Tests.Contract;

/// <summary>A backend under contract. One instance serves one test.</summary>
public interface ITransportBackend
{
    /// <summary>Why the backend cannot run here, naming the package to install; <c>null</c> if it can.</summary>
    string? Unavailable { get; }

    /// <summary>Creates the transport that a test uses for its server and its clients.</summary>
    IQuicTransport CreateTransport();
}
