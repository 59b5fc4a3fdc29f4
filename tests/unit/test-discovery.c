/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/process/discovery.h"
#include "daemon/base/cleanup.h"

#define WORDS_MAX 16
#define PYTHON    "/usr/bin/python3.11"

struct match_case {
	const char *kind; /* NULL for no model server */
	const char *executable;
	const char *arguments[WORDS_MAX];
	const char *comm; /* NULL for "" */
};

static struct process_text process_of(const char *executable, const char *const *arguments)
{
	size_t count = 0;

	while (count < WORDS_MAX && arguments[count])
		count++;
	return (struct process_text){executable, "", arguments, count};
}

static const struct match_case servers[] = {
	{"vllm", PYTHON, {"/usr/bin/python3", "/usr/local/bin/vllm", "serve", "m"}, "vllm"},
	{"vllm", "", {"/usr/bin/python3", "/usr/local/bin/vllm", "serve", "m"}, NULL},
	{"vllm", "", {"vllm", "serve", "m"}, NULL},
	{"vllm", PYTHON, {"python3", "-m", "vllm.entrypoints.openai.api_server"}, NULL},
	{"vllm", PYTHON, {"python3", "-um", "vllm.entrypoints.openai.api_server"}, NULL},
	{"vllm", PYTHON, {"python3", "-mvllm.entrypoints.openai.api_server"}, NULL},
	{"vllm", PYTHON, {"python", "-W", "x", "-X", "dev", "-OO", "/b/vllm", "serve"}, NULL},
	{"vllm", PYTHON,
		{"python", "-Wignore", "--check-hash-based-pycs", "never", "/b/vllm", "serve"},
		NULL},
	{"vllm", PYTHON, {"python", "/s/vllm/entrypoints/openai/api_server.py"}, NULL},
	{"vllm", "/opt/python3.13t (deleted)", {"x", "/b/vllm", "serve"}, NULL},
	{"vllm", PYTHON, {"python", "-m", "vllm.entrypoints.cli.main", "serve", "m"}, NULL},
	{"sglang", PYTHON, {"python3", "-m", "sglang.launch_server", "--model-path", "m"}, NULL},
	{"sglang", PYTHON, {"python3", "/b/sglang", "serve", "--model-path", "m"}, NULL},
	{"tgi", "/usr/local/bin/text-generation-launcher", {"text-generation-launcher"}, NULL},
	{"tgi", "", {"text-generation-launcher", "--model-id", "m"}, NULL},
	{"triton", "/opt/tritonserver/bin/tritonserver", {"tritonserver"}, NULL},
	{"torchserve", "/usr/lib/jvm/bin/java",
		{"java", "-Xmx4g", "-cp", "a:b", "org.pytorch.serve.ModelServer", "--python",
			PYTHON},
		NULL},
	{"torchserve", "", {"/usr/bin/java", "org.pytorch.serve.ModelServer"}, NULL},
	{"tensorflow-serving", "/usr/bin/tensorflow_model_server", {"tensorflow_model_server"},
		NULL},
	{"llama.cpp", "/app/llama-server", {"/app/llama-server", "-m", "m.gguf"}, NULL},
	{"llama.cpp", "/app/llama-server (deleted)", {"server"}, NULL},
	{"llama.cpp", "/usr/bin/llama", {"llama", "serve", "-m", "m.gguf"}, NULL},
	{"ollama", "/usr/local/bin/ollama", {"/usr/local/bin/ollama", "serve"}, NULL},
	{"ollama", "/usr/local/bin/ollama", {"/bin/ollama", "serve"}, "ollama"},
	{"litellm", PYTHON, {PYTHON, "/usr/bin/litellm", "--config", "c.yaml"}, NULL},
	{"litellm", PYTHON, {PYTHON, "/app/litellm/proxy/proxy_cli.py", "--port", "4000"}, NULL},
	{"ray-serve", PYTHON, {"ray::ProxyActor", "", ""}, "ray::ProxyActor"},
	{"ray-serve", PYTHON, {"ray::HTTPProxyActor.run()"}, "ray::HTTPProxyA"},
	{"ray-serve", PYTHON, {"python", "/opt/bin/serve", "run", "app:app"}, NULL},
	{"tei", "/usr/local/bin/text-embeddings-router", {"text-embeddings-router"}, NULL},
	{"lmdeploy", PYTHON, {"python", "/b/lmdeploy", "serve", "api_server", "m"}, NULL},
	{"kserve", PYTHON, {"python", "-m", "huggingfaceserver", "--model_dir=/mnt/models"}, NULL},
	{"kserve", PYTHON, {"python", "-m", "sklearnserver"}, NULL},
	{"bentoml", PYTHON, {"python", "/b/bentoml", "serve", "service:S"}, NULL},
	{"aphrodite", PYTHON, {"python", "/b/aphrodite", "run", "m"}, NULL},
	{"aphrodite", PYTHON, {"python", "-m", "aphrodite.endpoints.openai.api_server"}, NULL},
};

static const struct match_case others[] = {
	{NULL, "", {NULL}, "llama-server"},
	{NULL, "/usr/bin/vllm", {""}, NULL},
	{NULL, PYTHON, {"VLLM::EngineCore", "", ""}, "VLLM::EngineCor"},
	{NULL, PYTHON, {"python", "/b/vllm", "serve", "m"}, "VLLM::Worker_TP"},
	{NULL, PYTHON, {"sglang::scheduler_TP0"}, "sglang::schedul"},
	{NULL, PYTHON, {"ray::IDLE"}, "ray::IDLE"},
	{NULL, PYTHON, {"ray::ServeReplica:default:LLM"}, NULL},
	{NULL, PYTHON, {"ray::ProxyActorOfMine"}, NULL},
	{NULL, PYTHON, {"ray::RayWorkerWrapper"}, NULL},
	{NULL, "/opt/ray/raylet", {"raylet", "--port=1"}, "raylet"},
	{NULL, "/usr/local/bin/ollama", {"ollama", "runner", "--model", "b"}, NULL},
	{NULL, "/usr/local/bin/ollama", {"ollama", "run", "serve"}, NULL},
	{NULL, "/usr/local/bin/ollama", {"ollama"}, NULL},
	{NULL, "/usr/lib/ollama/llama-server", {"llama-server", "--model", "b"}, NULL},
	{NULL, "", {"/usr/lib/ollama/llama-server", "--model", "b"}, NULL},
	{NULL, "/x/ollama_llama_server", {"/x/ollama_llama_server"}, NULL},
	{NULL, "/b/triton_python_backend_stub", {"triton_python_backend_stub", "model.py"}, NULL},
	{NULL, PYTHON, {PYTHON, "/ts/model_service_worker.py", "--sock-type", "unix"}, NULL},
	{NULL, PYTHON, {PYTHON, "/b/text-generation-server", "serve", "m"}, NULL},
	{NULL, PYTHON, {PYTHON, "-c", "from multiprocessing.spawn import vllm", "serve"}, NULL},
	{NULL, PYTHON, {PYTHON, "-", "/b/vllm", "serve"}, NULL},
	{NULL, PYTHON, {PYTHON, "-m"}, NULL},
	{NULL, PYTHON, {PYTHON, "-W"}, NULL},
	{NULL, PYTHON, {PYTHON}, NULL},
	{NULL, PYTHON, {PYTHON, "-m", "pip", "install", "vllm"}, NULL},
	{NULL, PYTHON, {PYTHON, "/usr/bin/pip", "install", "vllm"}, NULL},
	{NULL, PYTHON, {PYTHON, "/b/vllm", "bench", "serve"}, NULL},
	{NULL, PYTHON, {PYTHON, "/b/vllm"}, NULL},
	{NULL, PYTHON, {PYTHON, "vllm.py", "serve"}, NULL},
	{NULL, PYTHON, {PYTHON, "/b/myvllm/entrypoints/openai/api_server.py"}, NULL},
	{NULL, PYTHON, {PYTHON, "huggingfaceserver.py"}, NULL},
	{NULL, PYTHON, {PYTHON, "/b/serve", "status"}, NULL},
	{NULL, PYTHON, {PYTHON, "/b/lmdeploy", "serve", "gradio"}, NULL},
	{NULL, PYTHON, {PYTHON, "/b/lmdeploy", "serve"}, NULL},
	{NULL, "/usr/bin/pythonista", {"pythonista", "/b/vllm", "serve"}, NULL},
	{NULL, "/usr/bin/serve", {"serve", "run"}, NULL},
	{NULL, "/usr/bin/vim", {"vim", "vllm.py"}, NULL},
	{NULL, "/usr/bin/vim", {"vim", "/usr/local/bin/vllm", "serve"}, "vllm"},
	{NULL, "/usr/bin/grep", {"grep", "vllm", "serve"}, NULL},
	{NULL, "/usr/bin/tail", {"tail", "-f", "llama-server.log"}, NULL},
	{NULL, "/usr/bin/tail", {"tail", "-f", "llama-server"}, NULL},
	{NULL, "/usr/bin/bash", {"bash", "-c", "vllm serve x"}, NULL},
	{NULL, "/usr/bin/bash", {"/bin/bash", "/b/llama-server"}, NULL},
	{NULL, "/usr/bin/docker", {"docker", "run", "vllm/vllm-openai", "serve"}, NULL},
	{NULL, "/usr/bin/java", {"java", "-jar", "org.pytorch.serve.ModelServer"}, NULL},
	{NULL, "/usr/bin/java", {"java", "-cp", "org.pytorch.serve.ModelServer"}, NULL},
	{NULL, "/usr/bin/java", {"java", "Main", "org.pytorch.serve.ModelServer"}, NULL},
	{NULL, "/usr/bin/llama-server-proxy", {"llama-server-proxy"}, NULL},
	{NULL, "/usr/bin/llama", {"llama", "cli"}, NULL},
	{NULL, "/", {"/"}, NULL},
	{NULL, "\xff\xfe", {"\xff\x01\n", "serve"}, "\x80"},
};

static void check_matches(const struct match_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct match_case *c = &cases[i];
		struct process_text p = process_of(c->executable, c->arguments);
		const struct server_kind *kind;

		p.comm = c->comm ? c->comm : "";
		kind = discovery_match(&p);
		print_message("case %zu: %s\n", i, c->arguments[0] ? c->arguments[0] : "-");
		assert_string_equal(kind ? kind->name : "none", c->kind ? c->kind : "none");
	}
}

static void test_servers(void **state)
{
	(void)state;
	check_matches(servers, ELEMENTS(servers));
}

static void test_others(void **state)
{
	(void)state;
	check_matches(others, ELEMENTS(others));
}

static const struct {
	const char *weights, *metrics;
	const char *arguments[WORDS_MAX];
} settings[] = {
	{"org/m", "/metrics", {"vllm", "serve", "org/m", "--port", "1"}},
	{"/srv/m", "/metrics", {"vllm", "serve", "--port", "1", "--model", "/srv/m"}},
	{"b", "/metrics", {"vllm", "serve", "--model=a", "--model=b"}},
	{"a", "/metrics", {"vllm", "serve", "a", "--model=b"}},
	{"b", "/metrics", {"python", "-m", "vllm.entrypoints.openai.api_server", "--model", "b"}},
	{NULL, "/metrics", {"python", "-m", "vllm.entrypoints.openai.api_server", "b"}},
	{NULL, "/metrics", {"vllm", "serve", "--model", "--port", "1"}},
	{NULL, "/metrics", {"vllm", "serve", "--model="}},
	{NULL, "/metrics", {"vllm", "serve", ""}},
	{NULL, "/metrics", {"vllm", "serve", "--model"}},
	{NULL, "/metrics", {"vllm", "serve", "--model-loader", "x", "--models", "y"}},
	{NULL, "/metrics", {"vllm", "serve"}},
	{"m", "", {"python", "-m", "sglang.launch_server", "--model-path", "m"}},
	{"m", "/metrics",
		{"python", "-m", "sglang.launch_server", "--model_path=m", "--enable-metrics"}},
	{"m", "/metrics", {"text-generation-launcher", "--model-id", "m"}},
	{"/r", "", {"tritonserver", "--model-repository=/r"}},
	{"/r", "", {"tritonserver", "--model-store", "/r"}},
	{"/s", "", {"java", "org.pytorch.serve.ModelServer", "-s", "/s"}},
	{"/b", "", {"tensorflow_model_server", "--model_base_path=/b"}},
	{"/b", "/monitoring/prometheus/metrics",
		{"tensorflow_model_server", "--monitoring_config_file=c", "--model_base_path=/b"}},
	{"m.gguf", "", {"llama-server", "-m", "m.gguf"}},
	{"m.gguf", "/metrics", {"llama", "serve", "--metrics", "--model", "m.gguf"}},
	{"o/r:Q4", "", {"llama-server", "-hf", "o/r:Q4"}},
	{NULL, "", {"ollama", "serve"}},
	{NULL, "", {"litellm", "--model", "openai/x"}},
	{"m", "/metrics", {"text-embeddings-router", "--model-id", "m"}},
	{"m", "/metrics", {"lmdeploy", "serve", "api_server", "m"}},
	{"m", "", {"lmdeploy", "serve", "api_server", "m", "--disable-metrics"}},
	{"/mnt/models", "/metrics", {"python", "-m", "xgbserver", "--model_dir=/mnt/models"}},
	{NULL, "/metrics", {"bentoml", "serve", "service:S"}},
	{"m", "/metrics", {"aphrodite", "run", "m"}},
};

static void test_settings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS(settings); i++) {
		struct process_text p = process_of("", settings[i].arguments);
		const struct server_kind *kind = discovery_match(&p);
		_cleanup_free_ char *weights = NULL;

		print_message("case %zu\n", i);
		assert_non_null(kind);
		assert_int_equal(discovery_weights(kind, &p, &weights), 0);
		assert_string_equal(weights ? weights : "none",
			settings[i].weights ? settings[i].weights : "none");
		assert_string_equal(discovery_metrics(kind, &p), settings[i].metrics);
	}
}

/* A path that no system call takes is not cut short to one that might be another's. */
static void test_long_weights(void **state)
{
	static char path[8192];
	const char *const arguments[] = {"vllm", "serve", path, NULL};
	struct process_text p = {"", "", arguments, 3};
	_cleanup_free_ char *weights = NULL;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	assert_int_equal(discovery_weights(discovery_match(&p), &p, &weights), 0);
	assert_null(weights);
}

#define TOKEN "hf_abcdefghijklmnopqrstuvwxyz012345"

static const struct {
	const char *line;
	const char *arguments[WORDS_MAX];
	size_t limit; /* 0 for plenty */
} lines[] = {
	{"", {NULL}, 0},
	{"vllm serve m --port 8000", {"vllm", "serve", "m", "--port", "8000"}, 0},
	{"v --api-key *** --port 1", {"v", "--api-key", "abc", "--port", "1"}, 0},
	{"v --api-key *** *** --port 1", {"v", "--api-key", "a", "b", "--port", "1"}, 0},
	{"v --api-key *** --port 1", {"v", "--api-key", "-dash", "--port", "1"}, 0},
	{"v --api-key=*** --port 1", {"v", "--api-key=abc def", "--port", "1"}, 0},
	{"v --api_key=***", {"v", "--api_key=abc"}, 0},
	{"v --API-KEY ***", {"v", "--API-KEY", "abc"}, 0},
	{"v --hf-token ***", {"v", "--hf-token", "abc"}, 0},
	{"v --token=***", {"v", "--token=abc"}, 0},
	{"v -token ***", {"v", "-token", "abc"}, 0},
	{"v --password ***", {"v", "--password", "my pass phrase"}, 0},
	{"v --ssl-keyfile-password ***", {"v", "--ssl-keyfile-password", "abc"}, 0},
	{"v --ssl-keyfile k.pem", {"v", "--ssl-keyfile", "k.pem"}, 0},
	{"v --client-secret-value ***", {"v", "--client-secret-value", "abc"}, 0},
	{"v --mysecret=***", {"v", "--mysecret=abc"}, 0},
	{"env HF_TOKEN=*** x", {"env", "HF_TOKEN=abc", "x"}, 0},
	{"env OPENAI_API_KEY=***", {"env", "OPENAI_API_KEY=abc"}, 0},
	{"env KEY=*** A=b", {"env", "KEY=abc", "A=b"}, 0},
	{"v --token=", {"v", "--token="}, 0},
	{"v --token", {"v", "--token"}, 0},
	{"v --token *** -x", {"v", "--token", "", "a", "-x"}, 0},
	{"v --max-tokens 5 --tokenizer t", {"v", "--max-tokens", "5", "--tokenizer", "t"}, 0},
	{"v --max_num_batched_tokens=5", {"v", "--max_num_batched_tokens=5"}, 0},
	{"TOKENIZERS_PARALLELISM=false", {"TOKENIZERS_PARALLELISM=false"}, 0},
	{"vllm serve --api-key ***", {"vllm serve --api-key abc --port 1", "", ""}, 0},
	{"v --token *** -x", {"v --token", "abc", "-x"}, 0},
	{"sh -c export HF_TOKEN=***", {"sh", "-c", "export HF_TOKEN='a b' vllm serve"}, 0},
	{"v {\"api_key\":***", {"v", "{\"api_key\": \"abc\"}"}, 0},
	{"v {\"apiKey\":***", {"v", "{\"apiKey\":\"abc\"}"}, 0},
	{"curl -H Authorization:***", {"curl", "-H", "Authorization: Bearer abc"}, 0},
	{"v http://h/?token=***", {"v", "http://h/?token=abc&a=b"}, 0},
	{"curl -H Authorization: *** ***", {"curl", "-H", "Authorization:", "Bearer", "abc"}, 0},
	{"curl -H X-Any: Bearer ***", {"curl", "-H", "X-Any: Bearer abc"}, 0},
	{"curl -H x: bearer  ***", {"curl", "-H", "x: bearer  abc"}, 0},
	{"curl -H Proxy: Basic ***", {"curl", "-H", "Proxy: Basic dXNlcjpwYXNz"}, 0},
	{"v --bearer ***", {"v", "--bearer", "abc"}, 0},
	{"v --mode basic --port 1", {"v", "--mode", "basic", "--port", "1"}, 0},
	{"v -p *** --port 1", {"v", "-p", "abc", "--port", "1"}, 0},
	{"v -p=***", {"v", "-p=abc"}, 0},
	{"v -p***", {"v", "-pAbc1"}, 0},
	{"v -p***", {"v", "-p8000"}, 0},
	{"v serve -p ***", {"v serve -p abc"}, 0},
	{"v -port 1 -parallel=2 -np 3", {"v", "-port", "1", "-parallel=2", "-np", "3"}, 0},
	{"v --passphrase ***", {"v", "--passphrase", "abc"}, 0},
	{"v --db-pw=***", {"v", "--db-pw=abc"}, 0},
	{"v --tokenfile ***", {"v", "--tokenfile", "abc"}, 0},
	{"v --auth-tokens ***", {"v", "--auth-tokens", "abc"}, 0},
	{"v --x-token-y=***", {"v", "--x-token-y=abc"}, 0},
	{"v --tokenization fast", {"v", "--tokenization", "fast"}, 0},
	{"v --secretive=***", {"v", "--secretive=abc"}, 0},
	{"AWS_SECRET_ACCESS_KEY=***", {"AWS_SECRET_ACCESS_KEY=abc"}, 0},
	{"DB_PASS=*** MYSQL_PWD=***", {"DB_PASS=a", "MYSQL_PWD=b"}, 0},
	{"v {\"password\": *** -x", {"v", "{\"password\":", "\"abc\"}", "-x"}, 0},
	{"v --db postgres://***", {"v", "--db", "postgres://u:abc@h/d"}, 0},
	{"v http://h:80/a@b", {"v", "http://h:80/a@b"}, 0},
	{"v ***", {"v", TOKEN}, 0},
	{"v --x=***", {"v", "--x=" TOKEN}, 0},
	{"v /d/hf_transformers", {"v", "/d/hf_transformers"}, 0},
	{"a?b ??[0m ?", {"a\nb", "\x1b\x1b[0m", "\xff"}, 0},
	{"v \xc3\xa9", {"v", "\xc3\xa9"}, 0},
	{"v a", {"v", "", "a"}, 0},
	{"abc", {"abcdef", "g"}, 3},
	{"a", {"a\xc3\xa9"}, 2},
	{"v --token **", {"v", "--token", "abc"}, 12},
};

static void test_command_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS(lines); i++) {
		struct process_text p = process_of("", lines[i].arguments);
		size_t limit = lines[i].limit > 0 ? lines[i].limit : 4096;
		_cleanup_free_ char *line = discovery_command_line(&p, limit);

		assert_non_null(line);
		assert_string_equal(line, lines[i].line);
	}
}

static void test_no_room(void **state)
{
	const char *const arguments[] = {"a", "b", NULL};
	struct process_text p = {"", "", arguments, 2};
	_cleanup_free_ char *line = discovery_command_line(&p, 0);

	(void)state;
	assert_string_equal(line, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_long_weights),
		cmocka_unit_test(test_command_lines),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
