namespace Broker.Node.Certificates;

/// <summary>What the holder of a certificate may be. It stands in the certificate as the URI name <c>broker://role/{role}</c>.</summary>
internal enum CertificateRole
{
    /// <summary>An application.</summary>
    Client,

    /// <summary>An operator.</summary>
    Admin,

    /// <summary>A node of the cluster: the server's side of every connection.</summary>
    Node,
}
