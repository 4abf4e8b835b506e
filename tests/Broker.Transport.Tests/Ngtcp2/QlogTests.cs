using System.Text.Json;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

public sealed class QlogTests : Ngtcp2Tests
{
    [Fact]
    public async Task Each_side_of_a_connection_writes_a_file_of_its_own()
    {
        var folder = Directory.CreateTempSubdirectory("qlog").FullName;
        try
        {
            var pair = await ConnectPairAsync(server => server with { QlogDirectory = folder }, client => client with { QlogDirectory = folder });
            await EchoAsync(pair.Client, pair.Server, 10_000);
            await Wait.For(pair.Client.CloseAsync(0), "the client to close");
            await Wait.For(pair.Server.Closed, "the server to see it");

            var files = Directory.GetFiles(folder, "*.sqlog");
            Assert.Equal(2, files.Length);
            foreach (var file in files)
            {
                // JSON text sequences (RFC 7464): each record between RS and LF.
                var records = (await File.ReadAllTextAsync(file)).Split('\x1e', StringSplitOptions.RemoveEmptyEntries).Select(text => JsonDocument.Parse(text).RootElement).ToArray();
                Assert.True(records[0].TryGetProperty("qlog_version", out _), "the first record is the header");
                Assert.Contains(records[1..], record => record.TryGetProperty("name", out var name) && name.GetString() == "transport:packet_received");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
