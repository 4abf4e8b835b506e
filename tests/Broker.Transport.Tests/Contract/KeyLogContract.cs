namespace Broker.Transport.Tests.Contract;

/// <summary>Secrets go to a file on request, so that captures can be read.</summary>
public abstract class KeyLogContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Fact]
    public async Task Secrets_of_a_connection_are_appended_in_nss_format()
    {
        RequireCapability(QuicCapabilities.KeyLog);
        var file = Path.Combine(Path.GetTempPath(), $"keylog-{Guid.NewGuid():N}.txt");
        try
        {
            await ConnectPairAsync(client: options => options with { KeyLogFile = file });

            await Wait.Until(() => Labels(file).Contains("SERVER_TRAFFIC_SECRET_0"), "the server's secret is in the key log");
            Assert.Contains("CLIENT_HANDSHAKE_TRAFFIC_SECRET", Labels(file));
            Assert.Contains("SERVER_HANDSHAKE_TRAFFIC_SECRET", Labels(file));
            Assert.Contains("CLIENT_TRAFFIC_SECRET_0", Labels(file));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string[] Labels(string file)
    {
        if (!File.Exists(file))
        {
            return [];
        }

        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        return [.. reader.ReadToEnd().Split('\n').Select(line => line.Split(' ')[0])];
    }
}
